"""The lesson on ImageNet: many classes, a stream that is larger than memory, and what 27 thousand parameters can do."""
