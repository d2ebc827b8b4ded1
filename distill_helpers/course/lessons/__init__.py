"""What belongs to one lesson, in a package named as the lesson: its recorded runs (records_*.py) and its exercises."""
