"""The bundled digits cut anew: the cut of ``load_digits`` had been read by every lesson when the second edition began."""

import torch

from distill_helpers.data.digits import load_digits
from distill_helpers.data.image_set import ImageSet, Splits

CUT_SEED = 20261125


def load_digits_cut() -> Splits:
    """The bundled 5,000 digits as 2,500 / 500 / 2,000, balanced over classes and in random order, the same every time.

    Learn from the first, choose on the second, read the third once at the end. These 2,000 overlap with all three parts of ``load_digits``,
    so nothing that was trained or chosen on one cut may be tested on the other.
    """
    parts = load_digits()
    images, labels = (torch.cat([getattr(part, name) for part in parts]) for name in ("images", "labels"))
    digits = ImageSet(images, labels, parts.train.classes, "mnist-5k, cut anew")
    generator = torch.Generator().manual_seed(CUT_SEED)
    # each class is cut in the same proportion, then each part is put in random order
    pieces = [[], [], []]
    for c in range(digits.classes):
        members = (labels == c).nonzero().squeeze(1)
        members = members[torch.randperm(len(members), generator=generator)]
        for part, piece in zip(pieces, members.split([250, 50, 200]), strict=True):
            part.append(piece)
    joined = [torch.cat(part) for part in pieces]
    return Splits(*(digits.subset(p[torch.randperm(len(p), generator=generator)]) for p in joined))
