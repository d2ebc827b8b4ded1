"""Strategies in which a critic judges the student's answers."""
