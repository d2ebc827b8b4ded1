"""The article's claims, in our words: what each says, where, what we expected before any run, and where it is tested."""

from dataclasses import dataclass

from distill_helpers.checks import one_of


@dataclass(frozen=True)
class Claim:
    """id: C01 ... C22. section: of the article. text: the claim, paraphrased. expected: our hypothesis. notebooks: numbers."""

    id: str
    section: str
    text: str
    expected: str
    notebooks: tuple[str, ...]


_CORRECTED = "holds with a correction"
_ROWS = [
    ("C01", "1", "How accurate a model gets is limited by the quality of its training data.", "holds", "02"),
    ("C02", "1", "Training on after distillation makes the distilled model finer.", "inconclusive", "07"),
    ("C03", "1", "Sharing parameters and features saves parameters and makes models more efficient.", _CORRECTED, "06"),
    ("C04", "1", "The distilled model runs without its teacher, and generalises further.", _CORRECTED, "07"),
    ("C05", "1", "A ResNet-50 of about 6 million parameters was distilled on ImageNet to about 27 thousand.", "refuted", "01 07"),
    ("C06", "2.1", "An MLP of l layers of n neurons has n + n² + ... + n^l = (1+1+...+n)·l/2 parameters.", "refuted", "01"),
    ("C07", "2.1", "Layer k holds k(k+1)/2 parameters and k/2 neurons.", "refuted", "01"),
    ("C08", "2.1", "A big model has as many connections as the sum of k(k+1)/2 over its layer widths k.", "refuted", "01"),
    ("C09", "2.1", "With enough layers and neurons an MLP fits any training set perfectly.", _CORRECTED, "02"),
    ("C10", "2.1", "Such a net is hard to train, so a good big model is not a plain one.", _CORRECTED, "03"),
    ("C11", "2.2", "Unsupervised distillation knows labels, infers their distribution, and can generate matching samples.", _CORRECTED, "10"),
    ("C12", "2.2", "Supervised distillation needs no labels and learns the mapping from raw data.", "refuted", "08"),
    ("C13", "2.2", "Adversarial training, attention, corrected samples and smoothness penalties help supervised distillation.",
     "one verdict a method", "08 13"),
    ("C14", "2.3.1", "Big networks tend to exploding or vanishing gradients, and so fail to converge.", _CORRECTED, "03"),
    ("C15", "2.3.1", "Bigger models need a higher learning rate.", "refuted", "03"),
    ("C16", "2.3.1", "Dropout, L1 and L2 penalties and gradient clipping relieve this.", _CORRECTED, "04"),
    ("C17", "2.3.1", "Decomposing the initialisation, the parameters or the constraints relieves this.", "holds", "04"),
    ("C18", "2.3.2", "A perceptron with one hidden layer can learn linear maps only.", "refuted", "05"),
    ("C19", "2.3.2", "A residual student learns better low-dimensional representations than one hidden layer.", "to be measured", "05"),
    ("C20", "2.3.3", "Discriminative distillation improves the student and is more stable.", "to be measured", "11 13"),
    ("C21", "2.3.3", "Dropout, Mixup, Softmax and Marginal Loss make the student more robust and general.",
     "one verdict a strategy", "12 13"),
    ("C22", "2.3.4", "On seven applications distillation eases and shortens training and generalises better.",
     "one verdict an application", "14 15 16 17 18 19 20"),
]  # fmt: skip
CLAIMS = {row[0]: Claim(*row[:4], tuple(row[4].split())) for row in _ROWS}


def find_claim(claim_id: str) -> Claim:
    """The claim of that id. Raises InputError for an id that does not exist."""
    one_of("claim", claim_id, tuple(CLAIMS))
    return CLAIMS[claim_id]
