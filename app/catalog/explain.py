"""Why hits matched."""
def explained(*a): raise NotImplementedError
