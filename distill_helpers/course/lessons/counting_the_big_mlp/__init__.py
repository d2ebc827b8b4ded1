"""The lesson on counting the big MLP."""
