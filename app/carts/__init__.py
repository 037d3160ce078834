"""What did they pick: carts, their rules, and where they are kept."""
