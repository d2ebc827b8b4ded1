"""Recorded runs, one a file: NAME, DATA, SETTINGS and run(setting)."""
