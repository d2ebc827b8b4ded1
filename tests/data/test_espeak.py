"""Spoken digits: the same for equal seeds wherever they begin, in voices that are held out or not, and kept on disk."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch

from distill_helpers.checks import InputError
from distill_helpers.data.generated import espeak
from distill_helpers.data.generated.espeak_digits import (
    ACCENTS,
    BLOCK,
    HELD_OUT,
    MARGIN,
    PITCH,
    SPEED,
    VOICES,
    WORDS,
    espeak_digits,
    espeak_strings,
    finished,
    settings,
)
from distill_helpers.training import kept_sounds as place
from distill_helpers.training.kept_sounds import kept_sounds

try:
    import espeakng_loader  # noqa: F401
except ImportError:
    espeakng_loader = None
speaks = pytest.mark.skipif(espeakng_loader is None, reason="espeakng-loader, of the extra [course], is not installed")

WITHOUT = """
import sys
sys.modules["espeakng_loader"] = None
from distill_helpers.data import espeak_digits, espeak_strings
from distill_helpers.data.generated.espeak import variants, version
for call in (lambda: espeak_digits(1, 0), lambda: espeak_strings(1, 0), variants, version):
    try:
        call()
    except ValueError as error:
        print(error)
"""


def edges(sound):
    loud = np.flatnonzero(sound)
    return int(loud[0]), int(loud[-1])


def level(sound):
    first, last = edges(sound)
    return 10 * np.log10(np.square(sound[first : last + 1].astype(float) / 32767).mean())


def test_without_the_package_the_error_says_how_to_install_it():
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True)
    assert done.stdout.splitlines() == ["this needs the package espeakng_loader: pip install 'distill-helpers[course]'."] * 4, done.stderr


def test_settings_are_drawn_alike_for_both_kinds_of_voices():
    known, new = (settings("word", 0, 3, held_out) for held_out in (False, True))
    assert len(known) == len(new) == BLOCK and not set(VOICES) & set(HELD_OUT)
    for a, b in zip(known, new, strict=True):
        assert a[1:] == b[1:] and a[0].split("+")[0] == b[0].split("+")[0]
        assert a[0].split("+")[1] in VOICES and b[0].split("+")[1] in HELD_OUT and a[0].split("+")[0] in ACCENTS
        assert SPEED[0] <= a[1] <= SPEED[1] and PITCH[0] <= a[2] <= PITCH[1] and -30 <= a[3] <= -20
    assert settings("word", 0, 3, False) == known != settings("word", 1, 3, False) and known != settings("string", 0, 3, False)
    many = [s for number in range(8) for s in settings("word", 0, number, False)]
    assert len({s[:3] for s in many}) > 390 and {s[0].split("+")[1] for s in many} == set(VOICES)


def test_a_sound_is_brought_to_a_loudness_without_the_silence_around_it():
    tone = np.zeros(30000)
    tone[5000:25000] = 9000 * np.sin(np.arange(20000) * 2 * np.pi * 500 / 22050)
    sound = finished(tone.astype(np.int16), 22050, -25.0)
    assert sound.dtype == np.int16 and abs(len(sound) - 20000 * 8000 / 22050) < 30
    assert level(sound) == pytest.approx(-25, abs=0.05)
    strength = np.abs(np.fft.rfft(sound))
    assert strength.argmax() * 8000 / len(sound) == pytest.approx(500, abs=3)
    click = np.zeros(4000, np.int16)
    click[1000], click[2000] = 20000, 100
    assert np.abs(finished(click, 8000, -10.0)).max() == 32767  # less loud than asked for, and not cut off
    with pytest.raises(InputError, match="must be audible"):
        finished(np.zeros(4000, np.int16), 8000, -25.0)


@speaks
def test_all_voices_are_there_and_speak():
    assert set(VOICES) | set(HELD_OUT) <= espeak.variants() and espeak.version()
    with espeak.speaker() as mouth:
        assert mouth.rate == 22050
        names = [f"{ACCENTS[k % 6]}+{voice}" for k, voice in enumerate(VOICES + HELD_OUT)]
        said = {name: mouth.say("zero", name, SPEED[0], 50) for name in names}
        with pytest.raises(InputError, match="it has no 'nowhere'"):
            mouth.say("zero", "nowhere", 175, 50)
    assert all(np.abs(s).max() > 1000 and 4000 < len(s) < 22050 for s in said.values())
    assert len({s.tobytes() for s in said.values()}) == len(said)


@speaks
def test_what_is_said_depends_on_the_seed_and_nothing_that_was_said_before():
    """espeak-ng keeps where its flutter stands from one text to the next, also after it was ended."""
    long = espeak_digits(BLOCK + 2, 7)
    espeak_strings(1, 0)
    with espeak.speaker(5) as other:
        other.say("something else", "en+klatt", 200, 50)
        short = espeak_digits(2, 7)
    assert torch.equal(short.sounds, long.sounds[:2]) and torch.equal(short.labels, long.labels[:2])
    assert not torch.equal(short.sounds, espeak_digits(2, 8).sounds)


@speaks
def test_digits_are_words_in_the_middle_of_a_second():
    held = espeak_digits(20, 0)
    assert held.sounds.shape == (20, 8000) and held.rate == 8000 and held.names == WORDS and held.lengths is None
    assert held.name == "espeak-digits"
    assert sorted(espeak_digits(BLOCK, 0).labels.tolist()) == sorted(list(range(10)) * 5)
    for sound in held.sounds.numpy():
        first, last = edges(sound)
        assert abs(first - (7999 - last)) <= 1 and 0.1 < (last - first) / 8000 < 0.9 and -30.1 < level(sound) < -19.9
    new = espeak_digits(2, 0, held_out_voices=True)
    assert new.name == "espeak-digits, held-out voices" and torch.equal(new.labels, held.labels[:2])
    assert not torch.equal(new.sounds, held.sounds[:2])


@speaks
def test_strings_are_padded_behind_their_end():
    held = espeak_strings(8, 0)
    assert held.sounds.shape == (8, 28800) and held.strings and held.labels.shape == (8, 6) and held.classes == 10
    counts = (held.labels >= 0).sum(1)
    assert counts.min() >= 3 and counts.max() <= 6
    margin = round(MARGIN * 8000)
    for sound, length in zip(held.sounds.numpy(), held.lengths.tolist(), strict=True):
        assert edges(sound) == (margin, length - margin - 1)
    longest, shortest = (held.lengths[counts == n].double().mean() for n in (counts.max(), counts.min()))
    assert longest > shortest
    every = torch.cat([espeak_digits_strings(seed) for seed in range(20)])
    assert set((every >= 0).sum(1).tolist()) == {3, 4, 5, 6} and (every[:, 1:] == every[:, :-1])[every[:, 1:] >= 0].any()


def espeak_digits_strings(seed):
    from distill_helpers.data.generated.espeak_digits import _strings

    return _strings(seed, 0)


def test_bad_input_is_named():
    for make in (espeak_digits, espeak_strings):
        with pytest.raises(InputError, match="count must be at least 1"):
            make(0, 0)
        with pytest.raises(InputError, match="seed must be at least 0"):
            make(1, -1)


# ---- kept on disk --------------------------------------------------------------------------------------------------------------


def same(a, b):
    alike = lambda x, y: x is y is None or torch.equal(x, y)
    return (alike(a.sounds, b.sounds) and alike(a.labels, b.labels) and alike(a.lengths, b.lengths)
            and (a.classes, a.name, a.rate, a.names) == (b.classes, b.name, b.rate, b.names))  # fmt: skip


@speaks
@pytest.mark.parametrize("make", [espeak_digits, espeak_strings], ids=lambda m: m.__name__)
def test_what_is_kept_is_what_is_made(make, tmp_path, monkeypatch):
    monkeypatch.setenv("DISTILL_CACHE", str(tmp_path))
    first = kept_sounds(make, 3, 1)
    (path,) = tmp_path.rglob("*.safetensors")
    assert path.parent == tmp_path / "sounds" and same(first, make(3, 1))
    module = sys.modules["distill_helpers.data.generated.espeak_digits"]  # the room has a function of its name
    monkeypatch.setattr(module, "speaker", lambda seed: pytest.fail("it was made again"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert same(kept_sounds(make, seed=1, count=3, held_out_voices=False), first)


@speaks
def test_other_arguments_code_and_versions_have_files_of_their_own_and_damage_is_said(tmp_path, monkeypatch):
    keep = lambda *given: kept_sounds(espeak_digits, *given, cache=tmp_path)
    first = keep(1, 0)
    (path,) = tmp_path.rglob("*.safetensors")
    good = path.read_bytes()
    path.write_bytes(good[:-100] + bytes([good[-100] ^ 1]) + good[-99:])
    with pytest.warns(UserWarning, match=f"{path.name} are damaged; they are made anew"):
        assert same(keep(1, 0), first)
    assert path.read_bytes() == good
    keep(2, 0), keep(1, 1), keep(1, 0, True)
    monkeypatch.setattr(place, "version", lambda: "another")
    keep(1, 0)
    assert len(list(tmp_path.rglob("*.safetensors"))) == 5
    (tmp_path / "in the way").write_text("")
    with pytest.warns(UserWarning, match="the sounds cannot be kept"):
        assert same(kept_sounds(espeak_digits, 1, 0, cache=tmp_path / "in the way"), first)


@speaks
def test_without_a_folder_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.delenv("DISTILL_CACHE", raising=False)
    monkeypatch.chdir(tmp_path)
    assert same(kept_sounds(espeak_digits, 1, 0), kept_sounds(espeak_digits, 1, 0, cache=None)) and not list(tmp_path.iterdir())


def test_other_makers_and_arguments_are_named():
    with pytest.raises(InputError, match="make must be espeak_digits or espeak_strings, but list was given"):
        kept_sounds(list, 3)
    with pytest.raises(InputError, match="the arguments must be those of espeak_digits"):
        kept_sounds(espeak_digits, 3, loudness=1)
