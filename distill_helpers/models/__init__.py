"""Models: the big MLP and its small students, and wrappers for any other. All give logits and, when asked, named features."""

from distill_helpers.models.big_mlp import BigMLP, digits_teacher
from distill_helpers.models.detector import Detector
from distill_helpers.models.outputs import FeatureDict, Outputs, outputs_of
from distill_helpers.models.plain_mlp import PlainMLP
from distill_helpers.models.plain_perceptron import PlainPerceptron
from distill_helpers.models.residual_student import ResidualStudent, digits_student
from distill_helpers.models.with_features import with_features, with_outputs

__all__ = ["BigMLP", "Detector", "FeatureDict", "Outputs", "PlainMLP", "PlainPerceptron", "ResidualStudent", "digits_student", "digits_teacher",
           "outputs_of", "with_features", "with_outputs"]  # fmt: skip
