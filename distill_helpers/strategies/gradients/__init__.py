"""Strategies on slopes: how answers change with the input."""
