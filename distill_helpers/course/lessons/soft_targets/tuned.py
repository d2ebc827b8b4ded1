"""The settings that the search chose; a test holds them against its record."""

SEARCHED_AT = {50: 200, 100: 200, 200: 200, 500: 200, 1250: 1250}  # at which number of labels the settings were chosen

_T = {"lr": 0.02, "weight_decay": 0.05}
TUNED = {
    n: {
        a: dict(_T)
        for a in (
            "alone",
            "label smoothing",
            "soft targets, labelled images",
            "soft targets, all images",
            "pseudo-labels",
            "self-training",
            "class means",
            "random teacher",
            "distil, then labels",
        )
    }
    for n in (200, 1250)
}
