"""Measurements; the figures and the commands that make them are in the .md files."""
