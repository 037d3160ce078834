"""Is it fit for production? Checks of settings, disks, Redis, catalogue and address that change nothing."""
