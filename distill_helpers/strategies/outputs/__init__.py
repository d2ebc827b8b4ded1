"""Strategies on the teacher's answers."""
