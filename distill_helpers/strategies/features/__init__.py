"""Strategies on hidden layers: the student's features stand beside the teacher's."""
