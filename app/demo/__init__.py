"""A tiny host in the browser: two conversations side by side with the running shop."""
