"""The lesson on soft targets."""
