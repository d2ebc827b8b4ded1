"""The lesson on the residual student."""
