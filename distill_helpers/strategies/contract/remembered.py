"""A student that is asked about a batch once, for strategies that look at its answers twice."""




class Remembered:
    """A student that is asked about ``x`` only once; everything else goes to the student itself."""

    def __init__(self, student, x):
        self.student, self.x, self.outputs = student, x, student(x)

    def __call__(self, x):
        return self.outputs if x is self.x else self.student(x)

    def __getattr__(self, name):
        return getattr(self.student, name)
