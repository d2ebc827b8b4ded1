"""Start here: one digit, one verdict."""
