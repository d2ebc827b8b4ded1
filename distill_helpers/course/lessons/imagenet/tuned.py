"""The settings that the search chose, by regime and arm. A test holds them against the record."""

TUNED: dict = {}
