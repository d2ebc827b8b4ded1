"""The lesson on CIFAR-10: what it measures, draws and asks."""
