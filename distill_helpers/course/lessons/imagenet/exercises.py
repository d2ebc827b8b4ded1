"""Exercises: many answers, and a stream."""

import torch

from distill_helpers.course.exercises import Exercise, Experiment, Judgement, Mistake, Option

# 1: top-k accuracy


def within(logits, labels, k):
    """The share of examples whose label is among the k largest logits. logits [N, classes], labels [N]."""
    return (logits.topk(k, -1).indices == labels.unsqueeze(-1)).any(-1).double().mean()


def _answers(generator):
    cases = []
    for k in (2, 3, 5):
        labels = torch.randint(20, (300,), generator=generator)
        logits = torch.randn(300, 20, generator=generator) + 1.5 * torch.nn.functional.one_hot(labels, 20)
        cases.append((logits, labels, k))
    return tuple(cases)


def _before(logits, labels):
    """How many classes stand before the label, [N]."""
    return (logits > logits.gather(-1, labels.unsqueeze(-1))).sum(-1)


# 3: a shuffle that holds few items

ITEMS, SIZES = 400, (16, 50)


def shuffled(items, size, generator):
    """All items, each once, in an order drawn by ``generator``; never more than ``size`` of them are held."""
    held = []
    for item in items:
        held.append(item)
        if len(held) == size:
            yield held.pop(int(torch.randint(size, (), generator=generator)))
    while held:
        yield held.pop(int(torch.randint(len(held), (), generator=generator)))


class Counted:
    """The numbers from 0 to ``count`` - 1, which says how many were read."""

    def __init__(self, count: int):
        self.left, self.read = iter(range(count)), 0

    def __iter__(self):
        return self

    def __next__(self):
        item = next(self.left)
        self.read += 1
        return item


_HOLDS = "You hold more items than you may: some were read long before they, or others, were given away."
_LOST = "Not every item comes out exactly once. What is still held when the stream ends?"
_ORDER = "The items hardly move: they should come out about as far from their places as the buffer is large."
_CHANCE = "The same generator must give the same order again; draw all numbers from it."
_NONE = "Give the items one after the other: yield them, or return an iterator."


def _one(answer, size, seed):
    """What came out, and the most that was held meanwhile."""
    source, out, most = Counted(ITEMS), [], 0
    given = answer(source, size, torch.Generator().manual_seed(seed))
    try:
        given = iter(given)
    except TypeError:
        return None, 0
    for item in given:
        most = max(most, source.read - len(out))
        out.append(item)
        if len(out) > ITEMS:
            break
    return out, max(most, source.read - len(out))


def examine(answer, generator) -> str:
    """What is wrong with a shuffle of a stream, or nothing."""
    for size in SIZES:
        seed = int(torch.randint(10_000, (), generator=generator))
        out, most = _one(answer, size, seed)
        if out is None:
            return _NONE
        if most > size:
            return _HOLDS
        if sorted(out) != list(range(ITEMS)):
            return _LOST
        moved = sum(abs(place - item) for place, item in enumerate(out)) / ITEMS
        if moved < size / 5:
            return _ORDER
        if _one(answer, size, seed)[0] != out:
            return _CHANCE
    return ""


def _leaves_the_rest(items, size, generator):
    held = []
    for item in items:
        held.append(item)
        if len(held) == size:
            yield held.pop(int(torch.randint(size, (), generator=generator)))


def _by_another_generator(items, size, generator):
    yield from shuffled(items, size, torch.Generator().manual_seed(int(torch.randint(2**31, ()))))


def _all_first(items, size, generator):
    every = list(items)
    return [every[i] for i in torch.randperm(len(every), generator=generator)]


EXERCISES = [
    Exercise("1", "How often the label is among the k first answers.", within, _answers, (
        Mistake(lambda logits, labels, k: (logits.argmax(-1) == labels).double().mean(),
                "This is top-1 accuracy; the label may stand anywhere among the k largest logits."),
        Mistake(lambda logits, labels, k: (_before(logits, labels) <= k).double().mean(),
                "A label with k larger logits before it is number k + 1, and does not count."),
        Mistake(lambda logits, labels, k: (logits.topk(k, -1).indices == labels.unsqueeze(-1)).double().mean(),
                "You average over the k answers as well; each example counts once, whichever of its k answers is right."),
        Mistake(lambda logits, labels, k: (logits.topk(k, -1, largest=False).indices == labels.unsqueeze(-1)).any(-1).double().mean(),
                "You take the k smallest logits; the first answers have the largest."),
    )),
    Judgement("2", "A net of 22,530 parameters reads the emoji of 794 classes with 60 % of its first answers right. Every class has the same two "
                   "drawings in training and in test. A report says: with 1,000 classes in 27,000 parameters, about as much can be expected on "
                   "ImageNet's photographs. What does the measurement show?", (
        Option("About as much, since 794 classes are nearly 1,000.",
               "The number of classes is not what differs most. A class of ImageNet has no two photographs alike, and here it has two drawings."),
        Option("That a head for so many classes fits, and can be trained, where each class looks one or two ways.",
               "Right: what was trained and read are drawings that were seen before. How much variety within a class such a net can bear was not "
               "measured.", right=True),
        Option("That it would be 48 %, four fifths of 60 %, since there are more classes.",
               "Accuracy does not fall in proportion to the number of classes; the lesson's own figure shows its shape here, and none for "
               "photographs."),
        Option("Nothing at all, since emoji are not ImageNet.",
               "Something was shown: before it, even the head of a thousand classes was in doubt. Say what, and no more."),
    )),
    Experiment("3", "A shuffle that holds few items of a stream at a time.", examine, shuffled, (
        Mistake(_all_first, _HOLDS),
        Mistake(lambda items, size, generator: iter(items), _ORDER),
        Mistake(_leaves_the_rest, _LOST),
        Mistake(_by_another_generator, _CHANCE),
        Mistake(lambda items, size, generator: None, _NONE),
    )),
]  # fmt: skip
