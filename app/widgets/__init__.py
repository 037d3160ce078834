"""What a host shows of an answer: products to tap, and a cart with + and −."""
