"""The lesson on robust students."""
