"""Learning without a teacher: baselines and regularisers."""
