"""The course: its claims and verdicts, graders, preflight, records, and how its notebooks are run."""
