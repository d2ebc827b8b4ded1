"""Strategies on relations: how the examples of a batch stand to each other."""
