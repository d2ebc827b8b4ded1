"""The lesson on taming deep networks."""
