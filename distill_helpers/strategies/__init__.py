"""Strategies: one a file, each the loss of one student. A new one is a new file and one line here."""

from distill_helpers.strategies.activation_boundaries import ActivationBoundaries
from distill_helpers.strategies.additive_margin import AdditiveMargin
from distill_helpers.strategies.adjusted_targets import AdjustedTargets
from distill_helpers.strategies.adversarial_training import AdversarialTraining
from distill_helpers.strategies.attention_transfer import AttentionTransfer, GradientAttention
from distill_helpers.strategies.born_again import BornAgain, ConfidenceWeighted, PermutedDarkKnowledge
from distill_helpers.strategies.combined import Combined
from distill_helpers.strategies.conditional_gan import ConditionalGan
from distill_helpers.strategies.contract import Batch, Strategy
from distill_helpers.strategies.controls import RandomTeacher, ShuffledTeacher
from distill_helpers.strategies.crd import ContrastiveRepresentation
from distill_helpers.strategies.data_free import DataFree
from distill_helpers.strategies.data_free_adversarial import DataFreeAdversarial
from distill_helpers.strategies.discriminator import Adversarial, Watched
from distill_helpers.strategies.dist import RelationalMatching
from distill_helpers.strategies.dkd import DecoupledDistillation
from distill_helpers.strategies.dropout_distillation import DropoutDistillation
from distill_helpers.strategies.factor_transfer import FactorTransfer
from distill_helpers.strategies.fitnets import FitNets
from distill_helpers.strategies.fsp import FlowOfSolution
from distill_helpers.strategies.function_matching import FunctionMatching
from distill_helpers.strategies.hard_labels import HardLabels
from distill_helpers.strategies.jacobian_matching import JacobianMatching
from distill_helpers.strategies.label_smoothing import LabelSmoothing
from distill_helpers.strategies.logit_regression import LogitRegression
from distill_helpers.strategies.logit_standardisation import StandardisedTargets
from distill_helpers.strategies.marginal_loss import MarginalLoss
from distill_helpers.strategies.mixup import Mixup, MixupDistillation
from distill_helpers.strategies.mutual_learning import MutualLearning
from distill_helpers.strategies.noisy_teacher import NoisyTeacher
from distill_helpers.strategies.nst import NeuronSelectivity
from distill_helpers.strategies.penalties import Penalised
from distill_helpers.strategies.pkt import ProbabilisticTransfer
from distill_helpers.strategies.relabelling import Relabelled
from distill_helpers.strategies.rkd import Relational
from distill_helpers.strategies.robust_distillation import RobustDistillation
from distill_helpers.strategies.schedule import Grid, Stages
from distill_helpers.strategies.scheduled_temperature import AnnealingDistillation, ScheduledTemperature
from distill_helpers.strategies.similarity_preserving import SimilarityPreserving
from distill_helpers.strategies.soft_targets import SoftTargets
from distill_helpers.strategies.student_dropout import StudentDropout
from distill_helpers.strategies.teacher_assistant import DenselyGuided
from distill_helpers.strategies.teacher_free import TeacherFree
from distill_helpers.strategies.vid import VariationalInformation
from distill_helpers.strategies.virtual_adversarial import VirtualAdversarial

__all__ = sorted(name for name in globals() if name[0].isupper())
