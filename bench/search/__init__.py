"""How well and how fast products are found: `python -m bench.search`."""
