"""The servers beside ours: each is started as `python FILE PORT`."""
