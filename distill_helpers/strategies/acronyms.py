"""The field's acronyms for strategies that are here: ``distill_helpers.strategies.DKD`` is ``DecoupledDistillation``."""

ACRONYMS = {
    "KD": "SoftTargets", "DKD": "DecoupledDistillation", "DIST": "RelationalMatching", "BAN": "BornAgain", "CWTM": "ConfidenceWeighted",
    "DKPP": "PermutedDarkKnowledge", "KA": "AdjustedTargets", "DGKD": "DenselyGuided", "FunMatch": "FunctionMatching",
    "AB": "ActivationBoundaries", "AT": "AttentionTransfer", "FT": "FactorTransfer", "FSP": "FlowOfSolution", "NST": "NeuronSelectivity",
    "VID": "VariationalInformation", "CRD": "ContrastiveRepresentation", "PKT": "ProbabilisticTransfer", "RKD": "Relational",
    "SP": "SimilarityPreserving", "ARD": "RobustDistillation", "VAT": "VirtualAdversarial", "DAFL": "DataFree", "DFAD": "DataFreeAdversarial",
    "CGAN": "ConditionalGan", "LS": "LabelSmoothing", "TfKD": "TeacherFree", "DML": "MutualLearning", "PKD": "PearsonDistillation",
}  # fmt: skip
