"""The experiment that the applications share: one task's data and nets go in, three questions with their controls come out."""
