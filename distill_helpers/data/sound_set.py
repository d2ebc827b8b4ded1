"""Sounds and what is said in them, as tensors."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from distill_helpers.checks import InputError, not_empty, whole
from distill_helpers.data.labels import INDEX_TYPES, row_numbers, settled_labels

PADDING = -1  # stands behind the last label of a string


@dataclass(frozen=True, eq=False)
class SoundSet:
    """sounds: int16 [N, S], one channel, full scale 32,767. rate: samples a second, in Hz. labels: one word a sound, int64 [N], or a string of
    them, int64 [N, L] with -1 behind the last; each from 0 to classes - 1; or None. lengths: how many samples of each sound are sound, int64 [N],
    from 1 to S, the rest being padding; None where all of them are. names: what the classes are called.

    The set has its own copy of labels and lengths; the sounds are shared with the caller.
    Raises InputError for sounds of another type or shape, an empty set, labels out of range or behind a -1, and for lengths that do not fit.
    """

    sounds: Tensor
    labels: Tensor | None
    classes: int
    name: str
    rate: int = 8000
    lengths: Tensor | None = None
    names: tuple[str, ...] = ()

    def __post_init__(self):
        whole("classes", self.classes)
        whole("rate", self.rate)
        sounds = self.sounds
        if not isinstance(sounds, Tensor) or sounds.dtype != torch.int16 or sounds.dim() != 2:
            given = f"{sounds.dtype} {list(sounds.shape)}" if isinstance(sounds, Tensor) else type(sounds).__name__
            raise InputError(f"sounds must be int16 [N, samples], but {given} was given.")
        not_empty("sounds", sounds.numel())
        if self.names and len(self.names) != self.classes:
            raise InputError(f"names must be one for each of {self.classes} classes, but {len(self.names)} were given.")
        object.__setattr__(self, "labels", self._settled())
        if self.lengths is not None:
            object.__setattr__(self, "lengths", self._counted())

    def __len__(self):
        return len(self.sounds)

    @property
    def x(self) -> Tensor:
        """float32 [N, S] from -1 to 1."""
        return self.sounds.float() / 32768

    @property
    def strings(self) -> bool:
        """Whether several words are said in a sound."""
        return self.labels is not None and self.labels.dim() == 2

    @property
    def seconds(self) -> float:
        """How long each sound is, padding included."""
        return self.sounds.shape[1] / self.rate

    def subset(self, indices) -> "SoundSet":
        """The examples at ``indices`` (int64 [M] or a list), in that order."""
        indices = row_numbers(indices, len(self), self.sounds.device)
        pick = lambda rows: None if rows is None else rows[indices]
        return replace(self, sounds=self.sounds[indices], labels=pick(self.labels), lengths=pick(self.lengths))

    def without_labels(self) -> "SoundSet":
        """The same sounds, with nothing said about what is said in them."""
        return replace(self, labels=None)

    def _settled(self) -> Tensor | None:
        labels = self.labels
        if labels is None:
            return None
        if not isinstance(labels, Tensor) or labels.dtype not in INDEX_TYPES or labels.dim() not in (1, 2):
            given = f"{labels.dtype} {list(labels.shape)}" if isinstance(labels, Tensor) else type(labels).__name__
            raise InputError(f"labels must be whole numbers [N], or strings of them [N, L], but {given} was given.")
        if labels.dim() == 1:
            return settled_labels(labels, len(self), self.classes, noun="sounds")
        settled = settled_labels(labels, len(self), self.classes, PADDING, noun="sounds", sequences=True)
        if ((settled[:, :-1] == PADDING) & (settled[:, 1:] != PADDING)).any():
            raise InputError(f"labels must have {PADDING} behind the last label of a string only, but it stands before one.")
        return settled

    def _counted(self) -> Tensor:
        lengths, most = self.lengths, self.sounds.shape[1]
        if not isinstance(lengths, Tensor) or lengths.dtype not in INDEX_TYPES or lengths.shape != (len(self),):
            given = f"{lengths.dtype} {list(lengths.shape)}" if isinstance(lengths, Tensor) else type(lengths).__name__
            raise InputError(f"lengths must be whole numbers [{len(self)}], one for each sound, but {given} was given.")
        lengths = lengths.detach().clone().long()
        if lengths.min() < 1 or lengths.max() > most:
            raise InputError(f"lengths must be from 1 to {most} samples, but {int(lengths.min())} to {int(lengths.max())} were given.")
        return lengths
