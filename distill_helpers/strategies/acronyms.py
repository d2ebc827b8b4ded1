"""The field's acronyms for strategies that are here: ``distill_helpers.strategies.DKD`` is ``DecoupledDistillation``."""

import sys

ACRONYMS = {
    "KD": "SoftTargets", "DKD": "DecoupledDistillation", "DIST": "RelationalMatching", "BAN": "BornAgain", "CWTM": "ConfidenceWeighted",
    "DKPP": "PermutedDarkKnowledge", "KA": "AdjustedTargets", "DGKD": "DenselyGuided", "FunMatch": "FunctionMatching",
    "AB": "ActivationBoundaries", "AT": "AttentionTransfer", "FT": "FactorTransfer", "FSP": "FlowOfSolution", "NST": "NeuronSelectivity",
    "VID": "VariationalInformation", "CRD": "ContrastiveRepresentation", "PKT": "ProbabilisticTransfer", "RKD": "Relational",
    "SP": "SimilarityPreserving", "ARD": "RobustDistillation", "VAT": "VirtualAdversarial", "DAFL": "DataFree", "DFAD": "DataFreeAdversarial",
    "CGAN": "ConditionalGan", "LS": "LabelSmoothing", "TfKD": "TeacherFree", "DML": "MutualLearning",
}  # fmt: skip


def about(kind: type) -> dict:
    """What the file of a strategy says of it in ABOUT: acronym, paper, how it is examined. Empty for a file that says nothing."""
    said = vars(sys.modules[kind.__module__]).get("ABOUT", {})
    return said if kind.__module__.startswith("distill_helpers.") else {}


def acronyms() -> dict[str, str]:
    """{acronym: class} of all, those that files say of themselves included."""
    from distill_helpers import strategies

    kinds = [value for value in vars(strategies).values() if isinstance(value, type)]
    return {**ACRONYMS, **{about(kind)["acronym"]: kind.__name__ for kind in kinds if "acronym" in about(kind)}}
