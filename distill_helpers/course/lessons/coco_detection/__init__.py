"""The lesson on finding objects: what it measures, draws and asks."""
