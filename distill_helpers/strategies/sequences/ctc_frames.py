"""Distillation frame by frame: the student learns what the teacher says of each frame."""

from dataclasses import dataclass

from distill_helpers.checks import fraction, positive
from distill_helpers.strategies.contract import Strategy
from distill_helpers.strategies.contract.shapes import same_outputs
from distill_helpers.strategies.sequences.ctc_terms import ctc_loss, frame_divergence, labelled, real_frames, require_frames, require_strings

ABOUT = {"paper": "Senior et al., ASRU 2015; Takashima et al., ICASSP 2018", "not entered": "for strings of labels"}


@dataclass(frozen=True)
class CtcFrames(Strategy):
    """weight · T² · mean over real frames of KL(teacher_T || student_T) + (1 - weight) · the CTC loss of strings that are known.

    Senior, Sak, de Chaumont Quitry, Sainath & Rao, "Acoustic Modelling with CD-CTC-SMBR LSTM RNNs", ASRU 2015; Takashima, Li & Kawai, "An
    Investigation of a Knowledge Distillation Method for CTC Acoustic Models", ICASSP 2018, who found that it can fail to help: most frames are
    blank, and where the few others stand is the teacher's habit. Both terms are in nats a real frame; padding counts in neither. The factor T² as
    in ``SoftTargets``. With weight = 1 no strings are needed; labels still say which frames are padding, as ``CtcLoss`` takes them, and without
    labels all frames count. Raises InputError when temperature <= 0 or weight is outside [0, 1].
    """

    temperature: float = 1.0
    weight: float = 0.5
    signals = ("labels", "outputs")

    def __post_init__(self):
        positive("temperature", self.temperature)
        fraction("weight", self.weight)

    @property
    def needs_labels(self):
        return self.weight != 1

    def loss(self, student, teacher, batch):
        s, t = student(batch.x).logits, teacher(batch).logits.detach()
        require_frames(s, "CtcFrames")
        same_outputs(t, s)
        frames = real_frames(batch.y, s)
        terms = {"frames": self.weight * self.temperature**2 * frame_divergence(t, s, frames, self.temperature)}
        if batch.y is not None:
            y = require_strings(batch.y, "CtcFrames")
            terms["ctc"] = (1 - self.weight) * ctc_loss(s, y["targets"], frames, labelled(y))
        return terms
