"""A set of sounds as a pool of views: each sound a little earlier or later, in fresh noise, as a spectrogram."""

import torch
from torch import Tensor

from distill_helpers.checks import InputError, at_least, finite_number, whole
from distill_helpers.data.arrays import ArrayPool
from distill_helpers.data.devices import must_fit
from distill_helpers.data.features.log_mel import LogMel
from distill_helpers.data.features.spec_augment import SpecAugment
from distill_helpers.data.seeded import number_from
from distill_helpers.data.sound_set import SoundSet

MIDDLE, SPREAD = -50.0, 20.0  # dB; decibels become inputs of about 0 and 1 by these two numbers, which follow from no data
CHUNK = 250  # sounds that are worked on at once; another number draws other noise


def sound_views(sounds: SoundSet, views: int = 8, snr: tuple[float, float] | None = (0.0, 15.0), shift: float = 0.1, *,
                features: LogMel | None = None, masks: SpecAugment | None = None, half: bool = False, seed: int = 0) -> ArrayPool:  # fmt: skip
    """A pool of ``views`` views of each sound, log-mel spectrograms [1, mels, frames], (dB + 50) / 20.

    snr: each view of each sound has white noise of its own, at a ratio drawn evenly between these two, in dB (``with_noise``); None for no noise.
    shift: each view but the first is moved by up to so many seconds, earlier or later. masks: SpecAugment on each view but the first.
    features: by default ``LogMel(rate)``. half: keep 16 bits of each number. What is drawn depends on ``seed`` and on the sound's place in the set.
    Labels of single words stay what they are. Strings become {"targets": int64 [N, L], padded with -1, "share": float32 [N], the share of the
    frames that is sound and not padding}, as the CTC strategies take them; noise and masks leave padding alone.
    Raises InputError for arguments out of range, and where the views do not fit into memory.
    """
    if not isinstance(sounds, SoundSet):
        raise InputError(f"sounds must be a SoundSet, but {type(sounds).__name__} was given.")
    whole("views", views)
    whole("seed", seed, 0)
    at_least("shift", shift, 0)
    if snr is not None:
        _check_range(snr)
    features = LogMel(sounds.rate) if features is None else features
    if features.rate != sounds.rate:
        raise InputError(f"features must be for {sounds.rate} Hz, as the sounds are, but they are for {features.rate} Hz.")
    count, samples = sounds.sounds.shape
    frames, kind = features.frames(samples), torch.float16 if half else torch.float32
    must_fit(f"{views} views of {count} sounds", views * count * features.mels * frames * kind.itemsize, sounds.sounds.device)
    found = torch.empty(views, count, 1, features.mels, frames, dtype=kind, device=sounds.sounds.device)
    for view in range(views):
        for number, rows in enumerate(torch.arange(count).split(CHUNK)):
            generator = torch.Generator().manual_seed(number_from("sound views", seed, view, number))
            found[view, rows, 0] = _seen(sounds, rows, generator, features, snr, shift if view else 0.0, masks if view else None).to(kind)
    labels = sounds.labels
    if sounds.strings:
        lengths = _lengths(sounds, torch.arange(count))
        labels = {"targets": labels, "share": (features.frames(lengths) / frames).float()}
    return ArrayPool(found, labels, None if sounds.strings else sounds.classes, sounds.name, has_views=True)


def with_noise(waves: Tensor, snr: Tensor, noise: Tensor, lengths: Tensor | None = None) -> Tensor:
    """waves [N, S] and as much of ``noise`` [N, S] that 10 · log10(power of the sound / power of the noise) is ``snr`` [N], in dB.

    The power of a sound is its mean square from its first to its last sample that is not 0; to a sound of zeros nothing is added. lengths: int64
    [N]; behind so many samples there is padding, which stays as it is.
    """
    place = torch.arange(waves.shape[1], device=waves.device)
    sounding = waves != 0
    first = torch.where(sounding, place, waves.shape[1]).amin(1)
    last = torch.where(sounding, place, -1).amax(1)
    power = waves.square().sum(1) / (last - first + 1).clamp(min=1)
    own = noise.square().mean(1).clamp(min=torch.finfo(noise.dtype).tiny)
    added = noise * (power / own / 10 ** (snr / 10)).sqrt().unsqueeze(1)
    if lengths is not None:
        added = added * (place < lengths.unsqueeze(1))
    return waves + added


def moved(waves: Tensor, later: Tensor) -> Tensor:
    """waves [N, S], each ``later`` [N] samples later, or earlier where that is below 0; silence moves in, and what moves out is lost."""
    place = torch.arange(waves.shape[1], device=waves.device) - later.unsqueeze(1)
    inside = (place >= 0) & (place < waves.shape[1])
    return waves.gather(1, place.clamp(0, waves.shape[1] - 1)) * inside


def _seen(sounds: SoundSet, rows: Tensor, generator, features, snr, shift, masks) -> Tensor:
    """[n, mels, frames] of one view of a chunk. The same dice are thrown whatever the settings, as far as they go."""
    device = sounds.sounds.device
    waves = sounds.sounds[rows.to(device)].float() / 32768
    drawn = torch.rand(2, CHUNK, generator=generator, dtype=torch.float64)[:, : len(rows)]
    lengths = _lengths(sounds, rows)
    if shift:
        waves = moved(waves, ((2 * drawn[0] - 1) * shift * sounds.rate).round().long().to(device))
    if snr is not None:
        ratio = (snr[0] + (snr[1] - snr[0]) * drawn[1]).float().to(device)
        noise = torch.randn(CHUNK, waves.shape[1], generator=generator)[: len(rows)].to(device)
        waves = with_noise(waves, ratio, noise, lengths)
    seen = (features(waves) - MIDDLE) / SPREAD
    return seen if masks is None else masks(seen, generator, features.frames(lengths))


def _lengths(sounds: SoundSet, rows: Tensor) -> Tensor:
    device = sounds.sounds.device
    return torch.full((len(rows),), sounds.sounds.shape[1], device=device) if sounds.lengths is None else sounds.lengths[rows.to(device)]


def _check_range(snr) -> None:
    if not isinstance(snr, (tuple, list)) or len(snr) != 2:
        raise InputError(f"snr must be two numbers, the lowest and the highest ratio in dB, or None, but {snr!r} was given.")
    for value in snr:
        finite_number("snr", value)
    if snr[0] > snr[1]:
        raise InputError(f"snr must have the lower ratio first, but {snr!r} was given.")
