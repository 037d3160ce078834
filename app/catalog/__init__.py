"""What is for sale: products, where they come from, how they are found."""
