"""The settings that the search chose, by number of labels; an arm that is not listed has those of 200. A test holds them against the record."""

TUNED = {
    50: {
        "alone": {"lr": 0.04, "weight_decay": 0.05},
    },
    200: {
        "alone": {"lr": 0.16, "weight_decay": 0.05},
        "label smoothing": {"smoothing": 0.0, "lr": 0.64},
        "soft targets, labelled images": {"temperature": 32.0, "weight": 0.8, "lr": 0.16},
        "soft targets, all images": {"temperature": 0.5, "weight": 1.0, "lr": 0.16},
        "pseudo-labels": {"lr": 0.16, "weight_decay": 0.05},
        "self-training": {"lr": 0.16, "weight_decay": 0.05},
        "class means": {"temperature": 2.0, "weight": 0.8, "lr": 0.01},
        "random teacher": {"temperature": 2.0, "weight": 0.0, "lr": 0.04},
        "distil, then labels": {"lr": 0.0001, "weight_decay": 0.0},
    },
    500: {
        "alone": {"lr": 0.04, "weight_decay": 0.5},
    },
    1250: {
        "alone": {"lr": 0.04, "weight_decay": 0.5},
        "label smoothing": {"smoothing": 0.1, "lr": 0.16},
        "soft targets, all images": {"temperature": 0.5, "weight": 0.8, "lr": 0.04},
        "class means": {"temperature": 2.0, "weight": 0.4, "lr": 0.01},
        "random teacher": {"temperature": 32.0, "weight": 0.4, "lr": 0.16},
        "distil, then labels": {"lr": 0.03, "weight_decay": 0.0},
    },
}

# what the search put next for the student alone, best first
NEXT_BEST = {
    200: ({"lr": 0.64, "weight_decay": 0.05}, {"lr": 0.04, "weight_decay": 0.05}, {"lr": 0.04, "weight_decay": 0.0}),
    1250: ({"lr": 0.16, "weight_decay": 0.05}, {"lr": 0.04, "weight_decay": 0.05}, {"lr": 0.16, "weight_decay": 0.0}),
}
