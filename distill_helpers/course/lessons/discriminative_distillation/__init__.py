"""The lesson on discriminative distillation."""
