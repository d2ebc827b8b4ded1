"""The lesson on supervised strategies."""
