"""The contract: what a strategy is, what stands around one, and the tools that all of them share."""

from distill_helpers.strategies.contract.strategy import Batch, Strategy, Task, describe, require_class_targets

__all__ = ["Batch", "Strategy", "Task", "describe", "require_class_targets"]
