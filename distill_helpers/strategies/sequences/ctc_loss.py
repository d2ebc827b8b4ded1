"""CTC: a net that answers frame by frame learns strings without being told which frame is which label."""

from dataclasses import dataclass

from distill_helpers.strategies.contract import Strategy
from distill_helpers.strategies.sequences.ctc_terms import ctc_loss, labelled, real_frames, require_frames, require_strings

ABOUT = {"acronym": "CTC", "paper": "Graves et al., ICML 2006", "not entered": "for strings of labels"}


@dataclass(frozen=True)
class CtcLoss(Strategy):
    """-log p(string | sound), summed over all ways to lay the string over the frames, in nats a real frame.

    Graves, Fernández, Gomez & Schmidhuber, "Connectionist Temporal Classification: Labelling Unsegmented Sequence Data with Recurrent Neural
    Networks", ICML 2006, eq. 8. The blank is the last class. Labels are {"targets": int64 [B, L], padded with -1, "share": float [B], the share of
    the frames that is sound; "labelled": bool [B], whose string is known, where not all are}. No teacher is asked.
    """

    signals = ("labels",)
    needs_labels = True
    needs_teacher = False

    def loss(self, student, teacher, batch):
        y, s = require_strings(batch.y, "CtcLoss"), student(batch.x).logits
        require_frames(s, "CtcLoss")
        return {"ctc": ctc_loss(s, y["targets"], real_frames(y, s), labelled(y))}
