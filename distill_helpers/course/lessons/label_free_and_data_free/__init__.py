"""The lesson on distilling without labels and without data."""
