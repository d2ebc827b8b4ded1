"""The lesson on sharing and low rank."""
