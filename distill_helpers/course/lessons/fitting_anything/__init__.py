"""The lesson on fitting anything."""
