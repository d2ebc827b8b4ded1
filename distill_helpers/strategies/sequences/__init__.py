"""Strategies for models that answer at every place of a sequence of tokens: language models."""
