"""The lesson on MNIST: what it measures, draws and asks."""
