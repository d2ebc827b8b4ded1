"""The classical small student: one hidden layer."""

from torch import nn

from distill_helpers.checks import sizes
from distill_helpers.models.activations import activation_named
from distill_helpers.models.outputs import FeatureDict, Outputs


class PlainPerceptron(nn.Module):
    """One hidden layer; with activation "none" it is a linear map, however many neurons it has.

    Inputs [B, ...] are flattened; logits are [B, classes]; feature "hidden" is [B, hidden].
    Raises InputError for sizes below 1 or an unknown activation.
    """

    def __init__(self, in_features: int, hidden: int, classes: int, activation: str = "relu"):
        super().__init__()
        sizes(in_features=in_features, hidden=hidden, classes=classes)
        activation_named(activation)
        self.hidden = nn.Linear(in_features, hidden)
        self.head = nn.Linear(hidden, classes)
        self.activation = activation

    def forward(self, x, features: bool = False):
        h = activation_named(self.activation)(self.hidden(x.flatten(1)))
        logits = self.head(h)
        return Outputs(logits, FeatureDict(hidden=h)) if features else logits
