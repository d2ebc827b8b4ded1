"""The settings that the search chose; a test holds them against its record."""

SEARCHED_AT = {50: 50, 100: 100, 200: 200, 500: 500, 1250: 1250}  # which number of labels the settings were chosen at

TUNED = {}
