"""Who is asking: which conversation a request belongs to."""
