"""The settings that the search chose, by number of labels; an arm that is not listed has those of 200. A test holds them against the record."""

TUNED = {
    50: {"alone": {"lr": 0.04, "weight_decay": 0.0}},
    200: {
        "alone": {"lr": 0.16, "weight_decay": 0.05},
        "label smoothing": {"smoothing": 0.0, "lr": 0.16, "weight_decay": 0.05},
        "soft targets, labelled images": {"temperature": 2.0, "weight": 0.8, "lr": 0.16, "weight_decay": 0.05},
        "soft targets, all images": {"temperature": 2.0, "weight": 0.8, "lr": 0.16, "weight_decay": 0.05},
        "pseudo-labels": {"lr": 0.16, "weight_decay": 0.05},
        "self-training": {"lr": 0.02, "weight_decay": 0.15},
        "class means": {"temperature": 2.0, "weight": 0.8, "lr": 0.16, "weight_decay": 0.05},
        "random teacher": {"temperature": 2.0, "weight": 0.0, "lr": 0.01, "weight_decay": 0.05},
        "distil, then labels": {"lr": 0.0001, "weight_decay": 16.6667},
        "answers only": {"temperature": 2.0, "weight": 1.0, "lr": 0.16, "weight_decay": 0.05},
        "answers only, then labels": {"lr": 0.0001, "weight_decay": 0.15},
    },
    500: {"alone": {"lr": 0.08, "weight_decay": 0.15}},
    1250: {
        "alone": {"lr": 0.04, "weight_decay": 0.15},
        "label smoothing": {"smoothing": 0.1, "lr": 0.04, "weight_decay": 0.5},
        "soft targets, all images": {"temperature": 0.5, "weight": 0.4, "lr": 0.16, "weight_decay": 0.05},
        "class means": {"temperature": 2.0, "weight": 0.8, "lr": 0.16, "weight_decay": 0.05},
        "random teacher": {"temperature": 2.0, "weight": 0.0, "lr": 0.16, "weight_decay": 0.05},
        "distil, then labels": {"lr": 0.1, "weight_decay": 0.15},
        "answers only": {"temperature": 2.0, "weight": 1.0, "lr": 0.16, "weight_decay": 0.05},
        "answers only, then labels": {"lr": 0.1, "weight_decay": 0.05},
    },
}

# what the search put next for the student alone, best first
NEXT_BEST = {
    200: ({"lr": 0.32, "weight_decay": 0.05}, {"lr": 0.08, "weight_decay": 0.15}, {"lr": 0.04, "weight_decay": 0.05}),
    1250: ({"lr": 0.16, "weight_decay": 0.05}, {"lr": 0.08, "weight_decay": 0.15}, {"lr": 0.04, "weight_decay": 0.5}),
}

# the student alone at the weight decay of soft targets on all images, with its best rate there
SAME_DECAY = {200: {"lr": 0.16, "weight_decay": 0.05}, 1250: {"lr": 0.16, "weight_decay": 0.05}}

# the student alone for twice the steps, and with the labels of both halves, as their searches chose; with a teacher beside those labels the best
# setting whose weight is not zero, since an arm without a teacher is not distilled
TWICE = {1250: {"lr": 0.16, "weight_decay": 0.05}}
BOTH_HALVES = {1250: {"lr": 0.08, "weight_decay": 0.15}}
BESIDE_LABELS = {1250: {"temperature": 0.5, "weight": 0.4, "lr": 0.04, "weight_decay": 0.05}}
