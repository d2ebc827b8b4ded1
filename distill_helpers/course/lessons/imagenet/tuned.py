"""The settings that the search chose, by regime and arm. A test holds them against the record."""

TUNED: dict = {
    "all labels": {
        "alone": {"lr": 0.016, "weight_decay": 0.0},
        "soft targets": {"lr": 0.016, "temperature": 4.0, "weight": 0.5},
        "soft targets, mixup": {"lr": 0.016, "temperature": 1.0, "weight": 0.9, "alpha": 0.2},
        "relabelled": {"lr": 0.016, "temperature": 1.0, "threshold": 0.9},
        "standardised logits": {"lr": 0.016, "temperature": 1.0, "weight": 1.0},
    },
    "few labels": {
        "alone": {"lr": 0.016, "weight_decay": 0.0},
        "soft targets": {"lr": 0.016, "temperature": 4.0, "weight": 1.0},
        "soft targets, mixup": {"lr": 0.016, "temperature": 4.0, "weight": 0.9, "alpha": 0.2},
        "relabelled": {"lr": 0.016, "temperature": 4.0, "threshold": 1.0},
        "standardised logits": {"lr": 0.016, "temperature": 1.0, "weight": 1.0},
    },
    "unlabelled data": {
        "pseudo-labels": {"lr": 0.016, "weight_decay": 0.0},
        "self-training": {"lr": 0.016, "weight_decay": 0.1},
        "soft targets": {"lr": 0.016, "temperature": 4.0, "weight": 1.0},
        "soft targets, mixup": {"lr": 0.016, "temperature": 1.0, "weight": 0.9, "alpha": 0.2},
        "relabelled": {"lr": 0.016, "temperature": 4.0, "threshold": 1.0},
        "standardised logits": {"lr": 0.016, "temperature": 1.0, "weight": 1.0},
    },
}
