"""A shopping-cart server for AI chats: every conversation has its own cart."""

__version__ = "0.1.0"
