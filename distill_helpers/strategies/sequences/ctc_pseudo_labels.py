"""Pseudo-labels for strings: a sound whose string is not known gets the one that the teacher reads in it."""

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from distill_helpers.checks import fraction, whole
from distill_helpers.strategies.contract import Strategy
from distill_helpers.strategies.sequences.ctc_terms import ctc_loss, labelled, real_frames, require_frames, require_strings, string_losses
from distill_helpers.transcripts import NOTHING, greedy, prefix_beam

STRINGS, SURE = "pseudo strings", "pseudo strings' probabilities"
ABOUT = {"paper": "Kim & Rush, EMNLP 2016; Kahn et al., ICASSP 2020", "not entered": "for strings of labels"}


@dataclass(frozen=True)
class CtcPseudoLabels(Strategy):
    """The CTC loss on strings: the given one where there is one, else the teacher's where its probability is at least ``threshold``.

    Kim & Rush, "Sequence-Level Knowledge Distillation", EMNLP 2016, section 3.2: the teacher's likeliest string stands for its whole distribution
    over strings. Kahn, Lee & Hannun, "Self-Training for End-to-End Speech Recognition", ICASSP 2020: strings of which the teacher is not sure are
    dropped, there by the logarithm of the probability over the length. Here it is p(string | sound), summed over all paths, at temperature 1.
    beam: the width of the prefix beam; 1 takes the teacher's most probable path. A sound counts as labelled where "labelled" of its labels is
    True, or where labels have no such entry; without any labels, all strings are the teacher's and no frame is padding. The strings are read once,
    in every view, before the first step. Raises InputError for settings out of range.
    """

    threshold: float = 0.5
    beam: int = 1
    signals = ("labels", "outputs")

    def __post_init__(self):
        fraction("threshold", self.threshold)
        whole("beam", self.beam)

    def prepare_teacher(self, teacher):
        answers = teacher.column("logits")
        require_frames(answers[0], "CtcPseudoLabels")
        strings, sure = zip(*(self.read(view, teacher.pool.labels) for view in answers), strict=True)
        width = max(view.shape[1] for view in strings)
        # columns are floating point; labels are small whole numbers, which that keeps as they are
        held = torch.stack([F.pad(view, (0, width - view.shape[1]), value=NOTHING) for view in strings]).float()
        return teacher.with_columns({STRINGS: held, SURE: torch.stack(sure).float()})

    def read(self, logits, y):
        """(int64 [N, L], float [N]): the strings in the answers [N, T, C] to one view, and their probabilities."""
        frames = real_frames(y, logits)
        found = greedy(logits, frames) if self.beam == 1 else prefix_beam(logits, self.beam, frames)[0]
        found = found[:, : max(1, int((found != NOTHING).sum(1).max()))]
        return found, (-string_losses(logits.double(), found, frames)).exp()

    def loss(self, student, teacher, batch):
        features, s = teacher(batch).features, student(batch.x).logits
        require_frames(s, "CtcPseudoLabels")
        targets, counts = features[STRINGS].long(), features[SURE] >= self.threshold
        if batch.y is not None:
            y = require_strings(batch.y, "CtcPseudoLabels")
            known, width = labelled(y), max(targets.shape[1], y["targets"].shape[1])
            given, read = (F.pad(t, (0, width - t.shape[1]), value=NOTHING) for t in (y["targets"], targets))
            targets, counts = torch.where(known.unsqueeze(1), given, read), known | counts
        return {"ctc": ctc_loss(s, targets, real_frames(batch.y, s), counts)}
