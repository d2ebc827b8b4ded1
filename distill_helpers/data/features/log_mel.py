"""Log-mel spectrograms: how loud each band of a sound is, band by band as the ear divides them, frame by frame."""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from distill_helpers.checks import InputError, at_least, positive, whole

FLOOR = 1e-10  # of power; below it all is silence, at -100 dB


@dataclass(frozen=True)
class LogMel:
    """Sounds [N, samples], floating point, full scale 1 -> decibels [N, mels, 1 + samples // hop], on the device and in the type of the sounds.

    rate: Hz. window: samples of the transform and of its periodic Hann window. hop: samples from frame to frame. mels: bands from ``low`` to
    ``high`` Hz (half the rate by default). Frame t has its middle at sample t · hop; outside the sound there is silence. 10 · log10 of the power in
    each band, at least -100 dB. Bands are triangles at equal steps of Slaney's mel scale ("Auditory Toolbox", 1998), each scaled to an area of 1;
    the same numbers as librosa's ``power_to_db(melspectrogram(y, n_fft=window, hop_length=hop), top_db=None)`` (McFee et al., SciPy 2015). Raises
    InputError for sizes below 1, bounds that do not fit, bands too narrow to hold a frequency of the transform, and other sounds.
    """

    rate: int = 8000
    window: int = 256
    hop: int = 128
    mels: int = 32
    low: float = 50.0
    high: float | None = None

    def __post_init__(self):
        for name in ("rate", "hop", "mels"):
            whole(name, getattr(self, name))
        whole("window", self.window, 4)
        at_least("low", self.low, 0)
        if self.high is not None:
            positive("high", self.high)
        if not self.low < self.top <= self.rate / 2:
            given = f"{self.low:g} and {self.top:g} were given"
            raise InputError(f"low and high must be in order and at most {self.rate / 2:g} Hz, half the rate, but {given}.")
        empty = int((mel_bands(self).sum(1) == 0).sum())
        if empty:
            raise InputError(f"mels must be fewer, or window longer: {empty} of {self.mels} bands hold no frequency of a transform of "
                             f"{self.window} samples at {self.rate} Hz.")  # fmt: skip

    @property
    def top(self) -> float:
        """The upper bound of the highest band, in Hz."""
        return self.rate / 2 if self.high is None else self.high

    def frames(self, samples):
        """How many frames so many samples give, a number or a tensor."""
        return 1 + samples // self.hop

    def __call__(self, sounds: Tensor) -> Tensor:
        if not isinstance(sounds, Tensor) or sounds.dim() != 2 or sounds.dtype not in (torch.float32, torch.float64):
            given = f"{sounds.dtype} {list(sounds.shape)}" if isinstance(sounds, Tensor) else type(sounds).__name__
            raise InputError(f"sounds must be floating-point [N, samples], but {given} was given.")
        hann = torch.hann_window(self.window, dtype=sounds.dtype, device=sounds.device)
        waves = torch.stft(sounds, self.window, self.hop, window=hann, center=True, pad_mode="constant", return_complex=True)
        bands = mel_bands(self).to(sounds)
        return 10 * (bands @ (waves.real.square() + waves.imag.square())).clamp(min=FLOOR).log10()


@lru_cache(maxsize=16)
def mel_bands(features: LogMel) -> Tensor:
    """float64 [mels, window // 2 + 1]: the weight of each frequency of the transform in each band."""
    frequencies = torch.arange(features.window // 2 + 1, dtype=torch.float64) * features.rate / features.window
    low, high = (mel(torch.tensor(f, dtype=torch.float64)).item() for f in (features.low, features.top))
    edges = hertz(torch.linspace(low, high, features.mels + 2, dtype=torch.float64))
    left, middle, right = (edges[k : k + features.mels].unsqueeze(1) for k in range(3))
    rising, falling = (frequencies - left) / (middle - left), (right - frequencies) / (right - middle)
    return torch.minimum(rising, falling).clamp(min=0) * 2 / (right - left)


KNEE, STEP = 1000.0, math.log(6.4) / 27  # below 1,000 Hz the scale is straight, 3 mel for 200 Hz; above, 27 mel for a factor of 6.4


def mel(frequency: Tensor) -> Tensor:
    """Hz -> mel on Slaney's scale."""
    return torch.where(frequency < KNEE, 3 * frequency / 200, 15 + (frequency / KNEE).clamp(min=1e-9).log() / STEP)


def hertz(mels: Tensor) -> Tensor:
    """mel on Slaney's scale -> Hz."""
    return torch.where(mels < 15, 200 * mels / 3, KNEE * ((mels - 15) * STEP).exp())
