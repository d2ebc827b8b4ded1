"""Texts without what they repeat of each other, so that a cut by text is a cut of what is said."""

STRETCH = 80  # characters in a row that no two texts share


def without_repeats(texts: dict[str, str], stretch: int = STRETCH) -> dict[str, str]:
    """The texts without the paragraphs that share ``stretch`` characters in a row with a shorter text.

    Paragraphs stand between empty lines. White space of any kind and length counts as one space, so that a paragraph is found again when it is
    indented or broken otherwise. What is left of any two texts has no ``stretch`` characters in common; a text of which nothing is left is gone.
    """
    seen: set[str] = set()
    kept = {}
    for name in sorted(texts, key=lambda name: (len(texts[name]), name)):
        paragraphs, tail, mine = [], "", set()
        for paragraph in texts[name].split("\n\n"):
            joined = " ".join(f"{tail} {paragraph}".split())
            found = {joined[i : i + stretch] for i in range(len(joined) - stretch + 1)}
            if found.isdisjoint(seen):
                paragraphs.append(paragraph)
                mine |= found
                tail = joined[-stretch:]
        seen |= mine
        if any(paragraph.strip() for paragraph in paragraphs):
            kept[name] = "\n\n".join(paragraphs)
    return kept
