"""Real handwritten digits: 5,000 of MNIST come with the package, all 70,000 when asked for."""

import hashlib
import io
from pathlib import Path

import numpy as np
import torch

from distill_helpers.checks import InputError, needed
from distill_helpers.data.image_set import ImageSet, Splits

BUNDLED = Path(__file__).parent / "bundled" / "mnist5k.npz"
SHA256 = "1c8fe51b67e8450b5da2ec557a76ac16d9f186a35a5e1cc634546611d4ea4e73"
SPLIT_SEED = 20150309


def load_digits(full: bool = False, root="data", download: bool = False) -> Splits:
    """MNIST digits (LeCun et al. 1998), uint8 [N, 1, 28, 28], split the same way every time.

    By default 3,500 / 500 / 1,000 of the bundled 5,000, balanced over classes. full=True: 55,000 / 5,000 / 10,000 through
    torchvision from ``root``, downloaded only with download=True. Raises InputError when the file is damaged or not there.
    """
    if full:
        return _full(root, download)
    content = BUNDLED.read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise InputError(f"the bundled file {BUNDLED.name} is damaged; install the package again.")
    with np.load(io.BytesIO(content)) as file:
        images = torch.from_numpy(file["X"]).view(-1, 1, 28, 28)
        labels = torch.from_numpy(file["y"]).long()
    digits = ImageSet(images, labels, 10, "mnist-5k")
    generator = torch.Generator().manual_seed(SPLIT_SEED)
    # each class is cut in the same proportion, then each part is put in random order
    parts = [[], [], []]
    for c in range(10):
        members = (labels == c).nonzero().squeeze(1)
        members = members[torch.randperm(len(members), generator=generator)]
        for part, piece in zip(parts, members.split([350, 50, 100]), strict=True):
            part.append(piece)
    joined = [torch.cat(part) for part in parts]
    return Splits(*(digits.subset(p[torch.randperm(len(p), generator=generator)]) for p in joined))


def _full(root, download: bool) -> Splits:
    MNIST = needed("torchvision.datasets").MNIST
    try:
        train, test = (MNIST(root, train=part, download=download) for part in (True, False))
    except (RuntimeError, OSError, AssertionError, ValueError, EOFError) as error:
        why = f"it could not be downloaded ({error})" if download else f"it is not there, or damaged ({error})"
        how = "" if download else "pass download=True, or "
        raise InputError(
            f"full=True needs MNIST under root={str(root)!r}, but {why}; {how}put the four files of MNIST, as torchvision "
            f"names them, into {Path(root) / 'MNIST' / 'raw'}."
        ) from error
    known = ImageSet(train.data.unsqueeze(1), train.targets.long(), 10, "mnist")
    order = torch.randperm(len(known), generator=torch.Generator().manual_seed(SPLIT_SEED))
    held_out = ImageSet(test.data.unsqueeze(1), test.targets.long(), 10, "mnist")
    return Splits(known.subset(order[5000:]), known.subset(order[:5000]), held_out)
