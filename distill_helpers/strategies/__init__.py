"""Strategies: each the loss of one student, in rooms by what they use. A new one is a new file in its room and one line here.

The field's acronyms are names too (``acronyms``): ``KD`` is ``SoftTargets``.
"""

from distill_helpers.strategies.contract import Batch, Strategy
from distill_helpers.strategies.contract.combined import Combined
from distill_helpers.strategies.contract.schedule import Grid, Stages
from distill_helpers.strategies.controls.class_means import ClassMeanTeacher
from distill_helpers.strategies.controls.random_teacher import RandomTeacher
from distill_helpers.strategies.controls.shuffled_teacher import ShuffledTeacher
from distill_helpers.strategies.critics.discriminator import Adversarial
from distill_helpers.strategies.critics.watched import Watched
from distill_helpers.strategies.data_free.conditional_gan import ConditionalGan
from distill_helpers.strategies.data_free.data_free import DataFree
from distill_helpers.strategies.data_free.data_free_adversarial import DataFreeAdversarial
from distill_helpers.strategies.detection.detection_loss import DetectionLoss
from distill_helpers.strategies.detection.pkd import PearsonDistillation
from distill_helpers.strategies.detection.pseudo_boxes import PseudoBoxes
from distill_helpers.strategies.detection.soft_detections import SoftDetections
from distill_helpers.strategies.features.activation_boundaries import ActivationBoundaries
from distill_helpers.strategies.features.attention_transfer import AttentionTransfer
from distill_helpers.strategies.features.factor_transfer import FactorTransfer
from distill_helpers.strategies.features.fitnets import FitNets
from distill_helpers.strategies.features.fsp import FlowOfSolution
from distill_helpers.strategies.features.nst import NeuronSelectivity
from distill_helpers.strategies.features.vid import VariationalInformation
from distill_helpers.strategies.gradients.gradient_attention import GradientAttention
from distill_helpers.strategies.gradients.jacobian_matching import JacobianMatching
from distill_helpers.strategies.outputs.adjusted_targets import AdjustedTargets
from distill_helpers.strategies.outputs.annealing import AnnealingDistillation
from distill_helpers.strategies.outputs.born_again import BornAgain
from distill_helpers.strategies.outputs.confidence_weighted import ConfidenceWeighted
from distill_helpers.strategies.outputs.dist import RelationalMatching
from distill_helpers.strategies.outputs.dkd import DecoupledDistillation
from distill_helpers.strategies.outputs.dropout_distillation import DropoutDistillation
from distill_helpers.strategies.outputs.function_matching import FunctionMatching
from distill_helpers.strategies.outputs.logit_regression import LogitRegression
from distill_helpers.strategies.outputs.logit_standardisation import StandardisedTargets
from distill_helpers.strategies.outputs.noisy_teacher import NoisyTeacher
from distill_helpers.strategies.outputs.permuted_dark_knowledge import PermutedDarkKnowledge
from distill_helpers.strategies.outputs.pseudo_labels import PseudoLabels
from distill_helpers.strategies.outputs.relabelling import Relabelled
from distill_helpers.strategies.outputs.scheduled_temperature import ScheduledTemperature
from distill_helpers.strategies.outputs.soft_targets import SoftTargets
from distill_helpers.strategies.outputs.teacher_assistant import DenselyGuided
from distill_helpers.strategies.relations.crd import ContrastiveRepresentation
from distill_helpers.strategies.relations.pkt import ProbabilisticTransfer
from distill_helpers.strategies.relations.rkd import Relational
from distill_helpers.strategies.relations.similarity_preserving import SimilarityPreserving
from distill_helpers.strategies.robust.additive_margin import AdditiveMargin
from distill_helpers.strategies.robust.adversarial_training import AdversarialTraining
from distill_helpers.strategies.robust.marginal_loss import MarginalLoss
from distill_helpers.strategies.robust.mixup import Mixup
from distill_helpers.strategies.robust.mixup_distillation import MixupDistillation
from distill_helpers.strategies.robust.robust_distillation import RobustDistillation
from distill_helpers.strategies.robust.student_dropout import StudentDropout
from distill_helpers.strategies.robust.virtual_adversarial import VirtualAdversarial
from distill_helpers.strategies.sequences.ctc_frames import CtcFrames
from distill_helpers.strategies.sequences.ctc_loss import CtcLoss
from distill_helpers.strategies.sequences.ctc_pseudo_labels import CtcPseudoLabels
from distill_helpers.strategies.sequences.forward_kl import TokenForwardKL
from distill_helpers.strategies.sequences.generalised_jsd import GeneralisedJSD
from distill_helpers.strategies.sequences.reverse_kl import TokenReverseKL
from distill_helpers.strategies.sequences.skew_kl import SkewKL
from distill_helpers.strategies.sequences.skew_reverse_kl import SkewReverseKL
from distill_helpers.strategies.sequences.total_variation import TokenTotalVariation
from distill_helpers.strategies.without_teacher.hard_labels import HardLabels
from distill_helpers.strategies.without_teacher.label_smoothing import LabelSmoothing
from distill_helpers.strategies.without_teacher.mutual_learning import MutualLearning
from distill_helpers.strategies.without_teacher.penalties import Penalised
from distill_helpers.strategies.without_teacher.teacher_free import TeacherFree

__all__ = sorted(name for name in globals() if name[0].isupper())


def __getattr__(name):
    from distill_helpers.strategies.acronyms import acronyms

    if name[:1].isupper() and name in acronyms():
        return globals()[acronyms()[name]]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
