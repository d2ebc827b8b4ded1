"""The lesson on house numbers: what it measures, draws and asks."""
