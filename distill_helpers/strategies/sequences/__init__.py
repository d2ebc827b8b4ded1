"""For sequences: answers at every token of a text or every frame of a sound, and strings of labels."""
