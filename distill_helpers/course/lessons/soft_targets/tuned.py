"""The settings that the search chose; a test holds them against its record."""

SEARCHED_AT = {50: 200, 100: 200, 200: 200, 500: 200, 1250: 1250}  # at which number of labels the settings were chosen

TUNED = {}
