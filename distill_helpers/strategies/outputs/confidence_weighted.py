"""A control on born-again networks: labels, weighted by how sure the teacher is."""

from dataclasses import dataclass

from distill_helpers.strategies.contract import Strategy, require_class_targets
from distill_helpers.strategies.contract.divergences import losses
from distill_helpers.strategies.contract.label_means import label_weights, over, plain
from distill_helpers.strategies.contract.shapes import labels_fit


@dataclass(frozen=True)
class ConfidenceWeighted(Strategy):
    """Cross-entropy on labels, each example weighted by the teacher's largest probability.

    CWTM: Furlanello et al., "Born-Again Neural Networks", ICML 2018, section 3. The weights are divided by their
    sum over the batch. Nothing is learnt about wrong classes.
    """

    signals = ("labels", "outputs")
    needs_labels = True
    honours_task = True

    def loss(self, student, teacher, batch):
        y = require_class_targets(batch.y, "ConfidenceWeighted")
        answers = teacher(batch).logits
        labels_fit(answers, y)
        sure = answers.softmax(-1).amax(-1)
        s = student(batch.x).logits
        labels_fit(s, y)
        each = losses(s.log_softmax(-1), y, batch.task)
        if not plain(batch.task):
            weights = sure * label_weights(y, batch.task, s)
            return {"weighted": over((weights * each).sum(), weights)}
        return {"weighted": (sure / sure.sum() * each).sum()}
