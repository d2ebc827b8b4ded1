"""Controls: what remains of a gain when the teacher's knowledge is taken away."""
