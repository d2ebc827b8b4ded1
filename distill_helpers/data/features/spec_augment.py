"""SpecAugment: stripes of a spectrogram are hidden, so that no one band and no one moment has to be relied on."""

from dataclasses import dataclass

import torch
from torch import Tensor

from distill_helpers.checks import InputError, finite_number, fraction, whole


@dataclass(frozen=True)
class SpecAugment:
    """Time and frequency masks on spectrograms [N, mels, frames], drawn anew for each of them.

    Park, Chan, Zhang, Chiu, Zoph, Cubuk & Le, "SpecAugment: A Simple Data Augmentation Method for Automatic Speech Recognition", Interspeech 2019,
    section 2, without its time warping. frequency, time: the widest mask, F bands and T frames; a width is 0 to that many, each as likely.
    frequency_masks, time_masks: how many of each, m_F and m_T. share: no time mask is wider than this share of the frames, p. fill: what masked
    places hold. A mask begins at any place where it fits, the last one included (in the paper it ends one short of the last band).
    Raises InputError for settings out of range.
    """

    frequency: int = 6
    time: int = 12
    frequency_masks: int = 2
    time_masks: int = 2
    share: float = 0.5
    fill: float = 0.0

    def __post_init__(self):
        for name in ("frequency", "time", "frequency_masks", "time_masks"):
            whole(name, getattr(self, name), 0)
        fraction("share", self.share)
        finite_number("fill", self.fill)

    def __call__(self, spectrograms: Tensor, generator: torch.Generator, frames: Tensor | None = None) -> Tensor:
        """A masked copy. generator: on the CPU; what is drawn depends on it and on the shape. frames: int64 [N], how many frames of each are
        sound, among which its time masks lie; all by default. Raises InputError for spectrograms of another shape, and frames that do not fit.
        """
        if not isinstance(spectrograms, Tensor) or spectrograms.dim() != 3 or not spectrograms.is_floating_point():
            given = f"{spectrograms.dtype} {list(spectrograms.shape)}" if isinstance(spectrograms, Tensor) else type(spectrograms).__name__
            raise InputError(f"spectrograms must be floating-point [N, mels, frames], but {given} was given.")
        count, mels, most = spectrograms.shape
        frames = torch.full((count,), most) if frames is None else frames.cpu()
        if frames.shape != (count,) or frames.min() < 1 or frames.max() > most:
            raise InputError(f"frames must be {count} whole numbers from 1 to {most}, but {frames.tolist()} were given.")
        bands = torch.full((count,), mels)
        hidden = stripes(bands, bands.clamp(max=self.frequency), self.frequency_masks, mels, generator).unsqueeze(2)
        widest = (frames * self.share).floor().long().clamp(max=self.time)
        hidden = hidden | stripes(frames, widest, self.time_masks, most, generator).unsqueeze(1)
        return spectrograms.masked_fill(hidden.to(spectrograms.device), self.fill)


def stripes(room: Tensor, widest: Tensor, masks: int, places: int, generator: torch.Generator) -> Tensor:
    """bool [N, places]: what ``masks`` stripes cover, each 0 to ``widest`` [N] wide and within the first ``room`` [N] places."""
    drawn = torch.rand(2, masks, len(room), generator=generator, dtype=torch.float64)
    width = (drawn[0] * (widest + 1)).long()
    begin = (drawn[1] * (room - width + 1)).long()
    place = torch.arange(places)
    return ((place >= begin.unsqueeze(-1)) & (place < (begin + width).unsqueeze(-1))).any(0)
