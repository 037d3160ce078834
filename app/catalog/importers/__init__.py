"""Readers of catalogue files, one module a format."""
