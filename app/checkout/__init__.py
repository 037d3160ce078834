"""Going on at the shop: its own cart or a message to it, as its owner says, and the list to take along."""
