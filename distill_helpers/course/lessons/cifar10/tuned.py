"""The settings that the search chose, by regime and arm, and the rates of the side experiments. A test holds them against the records."""

TUNED: dict = {}

RATES: dict = {}
