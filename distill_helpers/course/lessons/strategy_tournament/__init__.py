"""The lesson on the tournament of strategies."""
