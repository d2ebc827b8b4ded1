"""Factor transfer: the teacher's features are first put into other words, and those are what the student learns."""

from dataclasses import dataclass

import torch
from torch import nn

from distill_helpers.checks import positive, whole
from distill_helpers.strategies.contract.feature_tools import FeatureStrategy, names, not_in_a_grid, on_one_grid, same_kind, unit


@dataclass(frozen=True)
class FactorTransfer(FeatureStrategy):
    """labels · cross-entropy + weight · mean |F_T/‖F_T‖ - F_S/‖F_S‖|, F the factors of teacher and student.

    Kim, Park & Kwak, "Paraphrasing Complex Network: Network Compression via Factor Transfer", NeurIPS 2018, eq. 1-4 with p = 1.
    The teacher's paraphraser is an autoencoder of its features whose code has ``rate`` as many channels; it is trained
    without labels on the cached features before the student starts, and is the same for all seeds. The student's translator
    is an extra, trained with the student. As in the authors' code the difference is averaged over the factor's numbers and
    weight is 500. Layers are 3x3 convolutions with leaky ReLU (linear for vectors), without batch normalisation and with a
    linear last layer; Adam trains the paraphraser for ``paraphraser_steps`` batches of 64.
    """

    student_layers: str | tuple = "stage3"
    teacher_layers: str | tuple = "stage3"
    weight: float = 500.0
    labels: float = 1.0
    rate: float = 0.5
    paraphraser_steps: int = 200
    seed: int = 0

    def __post_init__(self):
        super().__post_init__()
        positive("rate", self.rate)
        whole("paraphraser_steps", self.paraphraser_steps)
        whole("seed", self.seed, 0)

    def prepare_teacher(self, teacher):
        """The same teacher, which also holds the factors of each named feature, under the name that ``factor_of`` gives."""
        return teacher.with_columns({factor_of(name): self.paraphrase(teacher.column(name)) for name in names(self.teacher_layers)})

    def paraphrase(self, table):
        """Train a paraphraser on a table of features [V, N, ...] to rebuild them (eq. 1); returns their factors [V, N, ...]."""
        flat, generator = table.flatten(0, 1), torch.Generator().manual_seed(self.seed)
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.manual_seed(self.seed)
            code = max(1, round(flat.shape[1] * self.rate))
            encode, decode = encoder(flat, flat.shape[1], code).to(flat.device), decoder(flat, code).to(flat.device)
            optimizer = torch.optim.Adam([*encode.parameters(), *decode.parameters()], lr=1e-3)
            for _ in range(self.paraphraser_steps):
                x = flat[torch.randint(len(flat), (64,), generator=generator).to(flat.device)]
                optimizer.zero_grad()
                rebuilding_error(decode(encode(x)), x).backward()
                optimizer.step()
        with torch.no_grad():
            return torch.cat([encode(part) for part in flat.split(1024)]).unflatten(0, table.shape[:2])

    def extras(self, student_outputs, teacher_outputs):
        return {f"translator{i}": encoder(s, s.shape[1], t.shape[1]) for i, (s, t) in enumerate(self.factors(student_outputs, teacher_outputs))}

    def factors(self, ours, theirs):
        """(student's feature, teacher's factor) for each pair of names."""
        factors = [theirs.features[factor_of(name)].detach() for name in names(self.teacher_layers)]
        pairs = [(s, f) for (s, _), f in zip(self.pairs(ours, theirs), factors, strict=True)]
        for s, f in pairs:
            same_kind(s, f)
        return pairs

    def loss(self, student, teacher, batch):
        not_in_a_grid("FactorTransfer", rate=self.rate, paraphraser_steps=self.paraphraser_steps, seed=self.seed)
        out = student(batch.x)
        pairs = self.factors(out, teacher(batch))
        gap = sum(factor_gap(student.extra(f"translator{i}", s), t) for i, (s, t) in enumerate(pairs))
        return {"factor": self.weight * gap, **self.task(out, batch)}


def factor_of(name: str) -> str:
    """What the table calls the factors of a feature."""
    return f"factor of {name}"


def factor_gap(ours, theirs):
    """Mean absolute difference of factors scaled to length 1 per example (eq. 4)."""
    ours, theirs = on_one_grid(ours, theirs)
    return (unit(ours.flatten(1)) - unit(theirs.flatten(1))).abs().mean()


def rebuilding_error(rebuilt, x):
    """Mean squared error of the paraphraser (eq. 1, averaged)."""
    return (rebuilt - x).square().mean()


def encoder(like, width: int, code: int) -> nn.Sequential:
    """Three layers width -> width -> code -> code for features like the given one; the paraphraser's first half, and the translator."""
    kind = nn.Linear if like.dim() == 2 else lambda a, b: nn.Conv2d(a, b, 3, padding=1)
    leak = nn.LeakyReLU(0.1)
    return nn.Sequential(kind(width, width), leak, kind(width, code), leak, kind(code, code), leak)


def decoder(like, code: int) -> nn.Sequential:
    """The paraphraser's second half: code -> code -> width -> width."""
    kind = nn.Linear if like.dim() == 2 else lambda a, b: nn.ConvTranspose2d(a, b, 3, padding=1)
    width, leak = like.shape[1], nn.LeakyReLU(0.1)
    return nn.Sequential(kind(code, code), leak, kind(code, width), leak, kind(width, width))
