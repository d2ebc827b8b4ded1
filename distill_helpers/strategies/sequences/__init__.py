"""For sequences: answers frame by frame or token by token, and strings of labels."""
