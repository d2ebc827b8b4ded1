"""Models: the big MLP and its small students. All give logits and, when asked, named features."""

from distill_helpers.models.big_mlp import BigMLP, digits_teacher
from distill_helpers.models.outputs import FeatureDict, Outputs
from distill_helpers.models.plain_mlp import PlainMLP
from distill_helpers.models.plain_perceptron import PlainPerceptron
from distill_helpers.models.residual_student import ResidualStudent, digits_student

__all__ = ["BigMLP", "FeatureDict", "Outputs", "PlainMLP", "PlainPerceptron", "ResidualStudent", "digits_student", "digits_teacher"]
