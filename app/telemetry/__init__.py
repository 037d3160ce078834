"""What is going on: log, metrics and traces, with digests, never a raw id or a shopper's words."""
