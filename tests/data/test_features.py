"""Log-mel spectrograms against librosa's numbers, masks, noise and shifts by hand, and pools of views."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from distill_helpers.checks import InputError
from distill_helpers.data import LogMel, SoundSet, SpecAugment, sound_views
from distill_helpers.data.features.log_mel import hertz, mel, mel_bands
from distill_helpers.data.features.sound_views import moved, with_noise
from distill_helpers.data.features.spec_augment import stripes

# made by librosa 0.11.0 as ``reference`` of this file describes: {"settings", "decibels" [mels][frames], ...}
REFERENCE = json.loads((Path(__file__).parent / "log_mel_librosa.json").read_text())


def chirp(rate, samples, low, high):
    """float64 [samples]: a tone from ``low`` to ``high`` Hz, quieter and quieter; no random numbers, so that it is the same everywhere."""
    frequency = np.linspace(low, high, samples)
    return np.exp(-np.linspace(0, 4, samples)) * np.sin(2 * np.pi * np.cumsum(frequency) / rate)


@pytest.mark.parametrize("case", REFERENCE, ids=lambda c: ", ".join(f"{k}={v}" for k, v in c["settings"].items()))
def test_the_numbers_are_librosas(case):
    features = LogMel(**case["settings"])
    sound = torch.from_numpy(chirp(features.rate, case["samples"], *case["chirp"]))
    found = features(torch.stack([sound, 0 * sound]))
    assert found.shape == (2, features.mels, features.frames(case["samples"]))
    torch.testing.assert_close(found[0], torch.tensor(case["decibels"], dtype=torch.double), rtol=0, atol=2e-4)
    assert (found[1] == -100).all()
    quick = features(sound.float().unsqueeze(0))[0].double()
    loud = found[0] > -60
    assert quick.dtype == torch.double and (quick - found[0])[loud].abs().max() < 0.01


def test_the_formula_by_plain_loops():
    features = LogMel(8000, 16, 8, 3, 0.0)
    sound = chirp(8000, 40, 300, 3000)
    padded = np.pad(sound, 8)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(16) / 16)
    wanted = np.zeros((3, 6))
    for t in range(6):
        piece = padded[8 * t : 8 * t + 16] * hann
        power = [abs(sum(piece[n] * np.exp(-2j * np.pi * k * n / 16) for n in range(16))) ** 2 for k in range(9)]
        wanted[:, t] = 10 * np.log10(np.maximum(mel_bands(features).numpy() @ power, 1e-10))
    np.testing.assert_allclose(features(torch.from_numpy(sound).unsqueeze(0))[0].numpy(), wanted, rtol=1e-9)


def test_the_mel_scale_is_slaneys():
    assert mel(torch.tensor([0.0, 200.0, 1000.0, 6400.0])).tolist() == pytest.approx([0, 3, 15, 42])
    f = torch.linspace(0, 8000, 50, dtype=torch.double)
    torch.testing.assert_close(hertz(mel(f)), f)
    bands = mel_bands(LogMel(mels=20))
    step = 8000 / 256
    torch.testing.assert_close((bands.sum(1) * step)[5:], torch.ones(15, dtype=torch.double), rtol=0.1, atol=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(rate=0), "rate must be at least 1"), (dict(window=2), "window must be at least 4"), (dict(hop=0), "hop must be at least 1"),
        (dict(mels=0), "mels must be at least 1"), (dict(low=-1.0), "low must be at least 0"), (dict(low=3000.0, high=2000.0), "low and high"),
        (dict(high=5000.0), "at most 4000 Hz"), (dict(mels=300), "bands hold no frequency"),
    ],
)  # fmt: skip
def test_bad_settings_are_named(settings, message):
    with pytest.raises(InputError, match=message):
        LogMel(**settings)


def test_bad_sounds_are_named():
    for bad in (torch.zeros(100), torch.zeros(2, 100, dtype=torch.int16), [0.0]):
        with pytest.raises(InputError, match=r"sounds must be floating-point \[N, samples\]"):
            LogMel()(bad)


# ---- masks ---------------------------------------------------------------------------------------------------------------------


def test_masks_are_stripes_of_the_sizes_that_are_said():
    x = torch.ones(400, 20, 30)
    found = SpecAugment(5, 8, 1, 1, 1.0)(x, torch.Generator().manual_seed(0))
    hidden = found == 0
    bands, frames = hidden.all(2).sum(1), hidden.all(1).sum(1)
    assert set(bands.tolist()) == set(range(6)) and set(frames.tolist()) == set(range(9))
    # each width as likely, each place reached, and nothing hidden but stripes
    assert all(40 < (bands == k).sum() < 95 for k in range(6))
    assert hidden.all(2).any(0).all() and hidden.all(1).any(0).all()
    assert torch.equal(hidden, hidden.all(2, keepdim=True) | hidden.all(1, keepdim=True))
    for rows in (hidden.all(2), hidden.all(1)):
        assert ((rows[:, 1:] != rows[:, :-1]).sum(1) <= 2).all()


def test_masks_are_drawn_by_the_generator_and_leave_padding_and_the_input_alone():
    x, frames = torch.randn(50, 8, 40), torch.randint(4, 41, (50,))
    before = x.clone()
    masks = SpecAugment(0, 30, 0, 2, 0.5, fill=7.0)
    draw = lambda seed: masks(x, torch.Generator().manual_seed(seed), frames)
    assert torch.equal(draw(1), draw(1)) and not torch.equal(draw(1), draw(2)) and torch.equal(x, before)
    hidden = (draw(1) == 7).all(1)
    assert not (hidden & (torch.arange(40) >= frames.unsqueeze(1))).any() and (hidden.sum(1) <= 2 * (frames // 2)).all() and hidden.any()
    assert torch.equal(SpecAugment(0, 0)(x, torch.Generator()), x)
    assert stripes(torch.tensor([3]), torch.tensor([3]), 60, 5, torch.Generator().manual_seed(0)).tolist() == [[True] * 3 + [False] * 2]


def test_bad_masks_are_named():
    for settings, message in ((dict(time=-1), "time must be at least 0"), (dict(share=1.5), "share must be from 0 to 1"),
                              (dict(fill=float("nan")), "fill must be finite")):  # fmt: skip
        with pytest.raises(InputError, match=message):
            SpecAugment(**settings)
    with pytest.raises(InputError, match="spectrograms must be floating-point"):
        SpecAugment()(torch.zeros(3, 4), torch.Generator())
    with pytest.raises(InputError, match="frames must be 2 whole numbers from 1 to 5"):
        SpecAugment()(torch.zeros(2, 4, 5), torch.Generator(), torch.tensor([0, 5]))


# ---- noise, shifts and views ---------------------------------------------------------------------------------------------------


def test_noise_has_the_ratio_that_is_said():
    generator = torch.Generator().manual_seed(0)
    waves = torch.randn(3, 4000, generator=generator, dtype=torch.double)
    waves[1, :1000] = waves[1, 3000:] = 0  # silence around a word is no part of its power
    waves[2] = 0
    noise, snr = torch.randn(3, 4000, generator=generator, dtype=torch.double), torch.tensor([0.0, 10.0, 5.0], dtype=torch.double)
    added = with_noise(waves, snr, noise) - waves
    power = [waves[0].square().mean(), waves[1, 1000:3000].square().mean()]
    for row in (0, 1):
        assert 10 * (power[row] / added[row].square().mean()).log10().item() == pytest.approx(snr[row].item())
    assert (added[2] == 0).all()
    padded = with_noise(waves, snr, noise, torch.tensor([4000, 3500, 10])) - waves
    assert (padded[1, 3500:] == 0).all() and torch.equal(padded[1, :3500], added[1, :3500])


def test_sounds_move_and_silence_moves_in():
    waves = torch.tensor([[1.0, 2, 3, 4]] * 4)
    assert moved(waves, torch.tensor([0, 1, -2, 9])).tolist() == [[1, 2, 3, 4], [0, 1, 2, 3], [3, 4, 0, 0], [0, 0, 0, 0]]


def words(count=6, samples=2000):
    sounds = (3000 * torch.randn(count, samples, generator=torch.Generator().manual_seed(0))).to(torch.int16)
    return SoundSet(sounds, torch.arange(count) % 3, 3, "noise")


def strings(count=6, samples=2000):
    lengths = torch.tensor([2000, 1000, 1500, 128, 127, 1999])
    sounds = words(count, samples).sounds * (torch.arange(samples) < lengths.unsqueeze(1))
    return SoundSet(sounds, torch.tensor([[0, 1, -1]] * count), 3, "strings", lengths=lengths)


def test_a_pool_of_views():
    pool = sound_views(words(), views=3, masks=SpecAugment(4, 4))
    assert pool.arrays.shape == (3, 6, 1, 32, 16) and pool.classes == 3 and pool.labels.tolist() == [0, 1, 2, 0, 1, 2]
    clean = sound_views(words(), views=1, snr=None)
    torch.testing.assert_close(clean.arrays[0, :, 0], (LogMel()(words().x) + 50) / 20)
    assert len({view.sum().item() for view in pool.arrays}) == 3
    still = sound_views(words(), views=2, snr=None, shift=0.0)
    assert torch.equal(still.arrays[0], still.arrays[1])
    half = sound_views(words(), views=3, masks=SpecAugment(4, 4), half=True)
    assert half.arrays.dtype == torch.float16 and (half.arrays.float() - pool.arrays).abs().max() < 0.01


def test_views_depend_on_the_seed_and_the_place_alone():
    whole, part = sound_views(words(), views=2), sound_views(words().subset([0, 1, 2]), views=3)
    assert torch.equal(whole.arrays[:, :3], part.arrays[:2]) and not torch.equal(whole.arrays, sound_views(words(), views=2, seed=1).arrays)
    quiet, loud = sound_views(words(), views=1, snr=(30, 30)), sound_views(words(), views=1, snr=(-20, -20))
    clean = sound_views(words(), views=1, snr=None)
    assert (quiet.arrays - clean.arrays).abs().mean() < 0.2 < (loud.arrays - clean.arrays).abs().mean()


def test_strings_say_how_much_of_them_is_sound():
    pool = sound_views(strings(), views=2, shift=0.0)
    assert pool.classes is None and pool.labels["targets"].tolist() == [[0, 1, -1]] * 6
    assert (pool.labels["share"] * 16).tolist() == pytest.approx([16, 8, 12, 2, 1, 16])
    # padding stays digital silence, in all views; a window's half reaches over the end
    assert (pool.arrays[:, 1, 0, :, 9:] == (-100 + 50) / 20).all() and (pool.arrays[:, 1, 0, :, :8] > -2.5).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(views=0), "views must be at least 1"), (dict(snr=(5, 0)), "lower ratio first"), (dict(snr=3.0), "snr must be two numbers"),
        (dict(snr=(0, float("nan"))), "snr must be finite"), (dict(shift=-0.1), "shift must be at least 0"),
        (dict(seed=-1), "seed must be at least 0"),
        (dict(features=LogMel(16000)), "features must be for 8000 Hz"),
    ],
)  # fmt: skip
def test_bad_views_are_named(changes, message):
    with pytest.raises(InputError, match=message):
        sound_views(words(), **changes)
    with pytest.raises(InputError, match="sounds must be a SoundSet"):
        sound_views(torch.zeros(2, 100))


# ---- the set -------------------------------------------------------------------------------------------------------------------


def test_a_set_of_sounds():
    held = strings()
    assert held.strings and not words().strings and held.seconds == 0.25 and len(held) == 6 and held.x.abs().max() < 1
    part = held.subset([3, 0])
    assert part.lengths.tolist() == [128, 2000] and torch.equal(part.sounds, held.sounds[[3, 0]]) and len(part.labels) == 2
    assert words().without_labels().labels is None and not words().without_labels().strings


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(sounds=torch.zeros(6, 9)), "sounds must be int16"), (dict(sounds=torch.zeros(0, 9, dtype=torch.int16)), "at least one example"),
        (dict(labels=torch.zeros(6)), "labels must be whole numbers"), (dict(labels=torch.full((6,), 3)), "labels must be from 0 to 2"),
        (dict(labels=torch.full((5,), 1)), "one row for each of 6 sounds"), (dict(labels=torch.tensor([[0, -1, 1]] * 6)), "stands before one"),
        (dict(lengths=torch.full((6,), 2001)), "lengths must be from 1 to 2000"),
        (dict(lengths=torch.ones(5, dtype=torch.int64)), "lengths must be whole"),
        (dict(names=("a",)), "names must be one for each of 3"), (dict(rate=0), "rate must be at least 1"),
    ],
)  # fmt: skip
def test_bad_sets_are_named(changes, message):
    with pytest.raises(InputError, match=message):
        replace(words(), **changes)


def reference():
    """How log_mel_librosa.json was made, with librosa 0.11.0, which the tests do not need: for each case
    power_to_db(feature.melspectrogram(y=chirp(...), sr=rate, n_fft=window, hop_length=hop, n_mels=mels, fmin=low, fmax=high, pad_mode="constant"),
    top_db=None), rounded to four digits behind the point. ``python tests/data/test_features.py`` makes it anew where librosa is installed.
    """
    import librosa

    cases = []
    other = {"rate": 16000, "window": 512, "hop": 160, "mels": 10, "low": 0.0, "high": 7000.0}
    for settings, samples, ends in (({"mels": 8}, 1100, (200, 3500)), (other, 1500, (6500, 100))):
        f = LogMel(**settings)
        power = librosa.feature.melspectrogram(y=chirp(f.rate, samples, *ends), sr=f.rate, n_fft=f.window, hop_length=f.hop, n_mels=f.mels,
                                               fmin=f.low, fmax=f.top, pad_mode="constant")  # fmt: skip
        decibels = librosa.power_to_db(power, top_db=None).round(4).tolist()
        cases.append({"settings": settings, "samples": samples, "chirp": ends, "decibels": decibels})
    return cases


if __name__ == "__main__":
    (Path(__file__).parent / "log_mel_librosa.json").write_text(json.dumps(reference()) + "\n")
