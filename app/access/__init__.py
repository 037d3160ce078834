"""Who may come in, and how often: sign-in, limits, and what a request may be."""
