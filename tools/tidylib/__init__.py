"""Rules of tools/tidy, one file a kind: layers.py, bans.py, shape.py, repository.py."""
