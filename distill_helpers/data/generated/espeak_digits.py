"""Spoken digits by a synthesiser, one at a time or in strings: what stands in for recordings of people."""

import math
from collections.abc import Iterator

import numpy as np
import torch

from distill_helpers.checks import InputError, needed, whole
from distill_helpers.data.generated.compose import Dice, balanced
from distill_helpers.data.generated.espeak import speaker
from distill_helpers.data.sound_set import PADDING, SoundSet

RATE = 8000  # Hz
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ACCENTS = ("en-us", "en", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbcwmd", "en-029")
# variants of espeak-ng that speak plainly; whispers, robots and effects are left out
VOICES = ("m1", "m2", "m3", "m4", "m6", "m7", "f1", "f2", "f4", "f5", "klatt", "klatt3", "klatt4", "Alex", "Alicia", "Andy", "Annie", "Denis",
          "Gene", "Hugo", "Lee", "Mario", "Michael", "adam", "anika", "belinda", "boris", "david", "edward", "john", "linda", "paul")  # fmt: skip
HELD_OUT = ("m5", "m8", "f3", "klatt2", "Andrea", "benjamin", "max", "michel", "steph", "victor")
SPEED, PITCH = (140, 240), (25, 75)  # words a minute; espeak-ng's scale from 0 to 100
LOUDNESS = (-30.0, -20.0)  # dB below full scale, root mean square from the first to the last sample of the word
WORD_SECONDS, STRING_SECONDS = 1.0, 3.6
MARGIN = 0.1  # seconds of silence before and after a string
SHORTEST, LONGEST = 3, 6  # digits in a string
BLOCK = 50  # sounds that share a copy of espeak-ng; another number makes other sounds
SILENT = 64  # below this, of 32,767, is not yet, or no longer, the word


def espeak_digits(count: int, seed: int, held_out_voices: bool = False) -> SoundSet:
    """``count`` sounds of a digit (the class), int16 [count, 8000] at 8 kHz, one second each, in equal shares, the same for equal seeds.

    Synthetic: espeak-ng (GPL-3.0) speaks them, through the package espeakng-loader of the extra [course]. Each sound draws one of six English
    accents and one of 32 voices, a speed of 140 to 240 words a minute, a pitch, and a loudness of 20 to 30 dB below full scale; the word stands
    in the middle, between silences. held_out_voices: whether the voice is one of ten others, that no other sound has; accents, speeds and pitches
    are the same. They are variants of one synthesiser: a person differs from it more than they do from each other. A smaller set is the beginning
    of a larger one. ``training.kept_sounds`` keeps a set on the disk.
    Raises InputError for a count below 1 and a negative seed, and where espeakng-loader is not installed, with the command that installs it.
    """
    whole("count", count)
    whole("seed", seed, 0)
    labels = torch.cat([_digits(seed, number) for number in range(-(-count // BLOCK))])[:count]
    length, rows = round(WORD_SECONDS * RATE), []
    for sound in _spoken([WORDS[k] for k in labels.tolist()], "word", seed, held_out_voices):
        room = length - len(sound)
        if room < 0:
            raise InputError(f"a word must be at most {WORD_SECONDS} s long, but espeak-ng made one of {len(sound) / RATE:.2f} s.")
        rows.append(np.pad(sound, (room // 2, room - room // 2)))
    return SoundSet(torch.from_numpy(np.stack(rows)), labels, 10, _name("espeak-digits", held_out_voices), RATE, names=WORDS)


def espeak_strings(count: int, seed: int, held_out_voices: bool = False) -> SoundSet:
    """``count`` sounds of 3 to 6 digits, int16 [count, 28800] at 8 kHz, padded with silence to 3.6 s; labels int64 [count, 6], padded with -1.

    Digits and their number are drawn independently, so that a digit may follow itself. Spoken in one breath, in one voice, as ``espeak_digits``
    says; before and after each string lies 0.1 s of silence, which ``lengths`` counts as sound, so that a string may be moved by that much.
    Raises InputError as ``espeak_digits`` does.
    """
    whole("count", count)
    whole("seed", seed, 0)
    labels = torch.cat([_strings(seed, number) for number in range(-(-count // BLOCK))])[:count]
    texts = [" ".join(WORDS[k] for k in row if k != PADDING) for row in labels.tolist()]
    length, margin = round(STRING_SECONDS * RATE), round(MARGIN * RATE)
    sounds, lengths = np.zeros((count, length), np.int16), []
    for row, sound in enumerate(_spoken(texts, "string", seed, held_out_voices)):
        lengths.append(len(sound) + 2 * margin)
        if lengths[-1] > length:
            raise InputError(f"a string must be at most {STRING_SECONDS} s long, but espeak-ng made one of {lengths[-1] / RATE:.2f} s.")
        sounds[row, margin : margin + len(sound)] = sound
    name = _name("espeak-strings", held_out_voices)
    return SoundSet(torch.from_numpy(sounds), labels, 10, name, RATE, torch.tensor(lengths), WORDS)


def settings(kind: str, seed: int, number: int, held_out_voices: bool) -> list[tuple[str, int, int, float]]:
    """(voice, words a minute, pitch, dB below full scale) of each sound of block ``number``; the same dice whatever the voices."""
    dice, names = Dice("espeak", kind, seed, number), HELD_OUT if held_out_voices else VOICES
    accents = dice.whole(len(ACCENTS), BLOCK).tolist()
    voices = (dice.uniform(0, 1, BLOCK) * len(names)).long().tolist()
    speeds, pitches = (dice.uniform(low, high, BLOCK).round().long().tolist() for low, high in (SPEED, PITCH))
    return [(f"{ACCENTS[a]}+{names[v]}", s, p, d)
            for a, v, s, p, d in zip(accents, voices, speeds, pitches, dice.uniform(*LOUDNESS, BLOCK).tolist(), strict=True)]  # fmt: skip


def _spoken(texts: list[str], kind: str, seed: int, held_out_voices: bool) -> Iterator[np.ndarray]:
    """int16 [samples] at 8 kHz of each text, from the first sample of the first word to the last of the last."""
    for first in range(0, len(texts), BLOCK):
        drawn = settings(kind, seed, first // BLOCK, held_out_voices)
        with speaker(seed) as mouth:
            for text, (voice, speed, pitch, loudness) in zip(texts[first : first + BLOCK], drawn, strict=False):
                yield finished(mouth.say(text, voice, speed, pitch), mouth.rate, loudness)


def finished(sound: np.ndarray, rate: int, loudness: float) -> np.ndarray:
    """int16 [samples] at 8 kHz of a sound at ``rate`` Hz: resampled (polyphase, in double precision), without the silence around it, and brought to
    a root mean square of ``loudness`` dB of full scale; less loud where its peak would be cut off.
    """
    common = math.gcd(RATE, rate)
    slow = needed("scipy.signal").resample_poly(sound.astype(np.float64), RATE // common, rate // common)
    loud = np.flatnonzero(np.abs(slow) >= SILENT)
    if not len(loud):
        raise InputError("sound must be audible, but espeak-ng gave silence.")
    slow = slow[loud[0] : loud[-1] + 1]
    wanted = 10 ** (loudness / 20) * 32767 / np.sqrt(np.square(slow).mean())
    return np.round(slow * min(wanted, 32767 / np.abs(slow).max())).astype(np.int16)


def _digits(seed: int, number: int) -> torch.Tensor:
    return balanced(Dice("espeak digits", seed, number), BLOCK, 10)


def _strings(seed: int, number: int) -> torch.Tensor:
    dice = Dice("espeak strings", seed, number)
    digits, lengths = dice.whole(10, BLOCK, LONGEST), SHORTEST + dice.whole(LONGEST - SHORTEST + 1, BLOCK)
    return torch.where(torch.arange(LONGEST) < lengths.unsqueeze(1), digits, PADDING)


def _name(name: str, held_out_voices: bool) -> str:
    return f"{name}, held-out voices" if held_out_voices else name
