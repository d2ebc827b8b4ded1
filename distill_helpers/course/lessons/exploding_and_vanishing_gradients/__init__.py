"""The lesson on exploding and vanishing gradients."""
