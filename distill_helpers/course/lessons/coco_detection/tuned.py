"""The settings that the search chose, by regime and arm. A test holds them against the record."""

TUNED: dict = {
    "all labels": {
        "alone": {"lr": 0.012, "weight_decay": 0.1},
        "soft detections": {"lr": 0.012, "weight": 1.0},
        "PKD": {"lr": 0.012, "weight": 10.0},
        "PKD of another picture": {"lr": 0.012, "weight": 0.0},
    },
    "few labels": {
        "alone": {"lr": 0.036, "weight_decay": 0.1},
        "soft detections": {"lr": 0.012, "weight": 3.0},
        "PKD": {"lr": 0.036, "weight": 30.0},
        "PKD of another picture": {"lr": 0.036, "weight": 0.3},
    },
    "unlabelled data": {
        "pseudo-boxes": {"lr": 0.012, "threshold": 0.4},
        "soft detections": {"lr": 0.036, "weight": 30.0},
        "PKD": {"lr": 0.012, "weight": 10.0},
        "PKD of another picture": {"lr": 0.004, "weight": 0.1},
    },
}
