"""Speech Commands on disk: small WAV files in the real format, in other depths, channels and rates, and damaged ones."""

import struct

import numpy as np
import pytest
import torch

from distill_helpers.checks import InputError
from distill_helpers.data import load_speech_commands
from distill_helpers.data.public.speech_commands import read_sound

pytest.importorskip("soundfile", reason="soundfile, of the extra [course], is not installed")


def tone(rate=16000, seconds=1.0, frequency=440.0, strength=0.5):
    return strength * np.sin(2 * np.pi * frequency * np.arange(round(rate * seconds)) / rate)


def wav(sound, rate=16000, bits=16, claimed=None, kind=1, before=b"", behind=b""):
    """The bytes of a WAV file; sound: [samples] or [samples, channels] from -1 to 1. claimed: the length in its header, if that is a lie."""
    sound = np.atleast_2d(np.asarray(sound, np.float64).T).T
    if kind == 3:
        body = sound.astype("<f4").tobytes()
    elif bits == 8:
        body = (np.round(sound * 127) + 128).astype(np.uint8).tobytes()
    else:
        body = np.round(sound * 32767).astype("<i2").tobytes()
    bits = 32 if kind == 3 else bits
    step = sound.shape[1] * bits // 8
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, kind, sound.shape[1], rate, rate * step, step, bits)
    data = struct.pack("<4sI", b"data", len(body) if claimed is None else claimed) + body
    inside = b"WAVE" + form + before + data + behind
    return b"RIFF" + struct.pack("<I", len(inside)) + inside


def write(root, words=("yes", "no"), count=4, **how):
    """count files of each word: the last but one is for validation, the last for testing."""
    folder = root / "speech_commands_v0.02"
    for number, word in enumerate(words):
        (folder / word).mkdir(parents=True)
        for k in range(count):
            (folder / word / f"{k:08x}_nohash_0.wav").write_bytes(wav(tone(frequency=300 + 200 * number + 20 * k), **how))
    for name, k in (("validation_list.txt", count - 2), ("testing_list.txt", count - 1)):
        (folder / name).write_text("".join(f"{word}/{k:08x}_nohash_0.wav\n" for word in words))
    (folder / "_background_noise_").mkdir()
    (folder / "_background_noise_" / "pink_noise.wav").write_bytes(wav(tone(seconds=2)))
    return folder


def strongest(sound, rate=8000):
    return np.abs(np.fft.rfft(sound)).argmax() * rate / len(sound)


def test_the_lists_divide_the_files(tmp_path, monkeypatch):
    write(tmp_path)
    monkeypatch.setenv("DISTILL_DATA", str(tmp_path))
    found = {split: load_speech_commands(split=split, words=("yes", "no")) for split in ("train", "validation", "test")}
    assert {split: len(s) for split, s in found.items()} == {"train": 4, "validation": 2, "test": 2}
    for split, first in (("train", 0), ("validation", 2), ("test", 3)):
        held = found[split]
        assert held.sounds.shape[1] == 8000 and held.rate == 8000 and held.names == ("yes", "no") and held.name == f"speech-commands, {split}"
        assert strongest(held.sounds[0].numpy()) == pytest.approx(300 + 20 * first, abs=1)
    assert found["train"].labels.tolist() == [0, 0, 1, 1] and strongest(found["train"].sounds[3].numpy()) == pytest.approx(520, abs=1)
    turned = load_speech_commands(split="test", words=("no",), rate=16000)
    assert turned.labels.tolist() == [0] and torch.equal(turned.sounds[0], torch.from_numpy(np.round(tone(frequency=560) * 32767)).to(torch.int16))
    assert len(load_speech_commands(words=("yes", "no"), most=1)) == 2


@pytest.mark.parametrize("place", ["SpeechCommands/speech_commands_v0.02", "."])
def test_it_is_found_where_others_put_it(place, tmp_path):
    folder = write(tmp_path / "first")
    (tmp_path / "root" / place).parent.mkdir(parents=True, exist_ok=True)
    folder.rename(tmp_path / "root" / place)
    assert len(load_speech_commands(tmp_path / "root", words=["yes"])) == 2


@pytest.fixture
def read(tmp_path):
    def read(content, rate=8000):
        (tmp_path / "some.wav").write_bytes(content)
        return read_sound(tmp_path / "some.wav", rate)

    return read


def test_every_form_of_a_sound_becomes_the_same(read):
    wanted = read(wav(tone(8000), 8000)).astype(int)
    assert abs(wanted - np.round(tone(8000) * 32768)).max() <= 1
    assert abs(read(wav(tone(8000), 8000, kind=3)) - wanted).max() <= 1
    assert abs(read(wav(tone(8000), 8000, bits=8)) - wanted).max() <= 256  # 8 bits: steps of 256
    assert abs(read(wav(np.stack([1.5 * tone(8000), 0.5 * tone(8000)], 1), 8000)) - wanted).max() <= 1  # the mean of both channels
    listed = struct.pack("<4sI3sx", b"LIST", 3, b"abc")  # parts of odd length are padded
    assert abs(read(wav(tone(8000), 8000, before=listed, behind=listed)) - wanted).max() == 0


@pytest.mark.parametrize("rate", [4000, 11025, 16000, 44100, 48000])
def test_other_rates_are_resampled(rate, read):
    sound = read(wav(tone(rate), rate))
    assert len(sound) == 8000 and strongest(sound) == 440
    middle = slice(800, 7200)
    assert abs(sound[middle] / 32768 - tone(8000)[middle]).max() < 0.02


def test_what_is_above_half_the_rate_does_not_come_back_as_another_tone(read):
    assert np.abs(read(wav(tone(16000, frequency=6000), 16000))[800:7200]).max() < 300


def test_what_is_too_loud_is_cut_off(read):
    assert read(wav(tone(8000, strength=2.0), 8000, kind=3)).min() == -32768


def test_shorter_and_longer_recordings_keep_their_middle(tmp_path):
    folder = write(tmp_path, words=("yes",))
    for k, seconds in ((0, 0.5), (1, 1.5)):
        (folder / "yes" / f"{k:08x}_nohash_0.wav").write_bytes(wav(tone(8000, seconds), 8000))
    short, long = load_speech_commands(tmp_path, words=("yes",)).sounds.numpy()
    assert (short[:2000] == 0).all() and (short[6000:] == 0).all() and abs(short[2000:6000] - np.round(tone(8000, 0.5) * 32768)).max() <= 1
    assert abs(long - np.round(tone(8000, 1.5) * 32768)[2000:10000]).max() <= 1


@pytest.mark.parametrize("claimed", [0xFFFFFFFF, 0x7FFFF000, 0x7F000000], ids=hex)
def test_a_length_that_was_not_known_when_it_was_written_is_that_of_the_file(claimed, read):
    """As a program writes it whose output is piped: espeak-ng has 0x7ffff000."""
    whole = read(wav(tone(8000), 8000))
    assert np.array_equal(read(wav(tone(8000), 8000, claimed=claimed)), whole)


def test_bytes_behind_the_stated_length_are_not_read(read):
    assert len(read(wav(tone(8000), 8000, claimed=8000))) == 4000


DAMAGED = {
    "empty": (b"", "is empty"),
    "no WAV file": (b"OggS" + bytes(100), "does not begin as one"),
    "words": (b"RIFF", "does not begin as one"),
    "no sound part": (wav(tone(8000))[:36], "no part that holds sound"),
    "cut short": (wav(tone(8000), 8000)[:-6000], "cut short: its header promises 16000 bytes of sound, and it holds 10000"),
    "a length that lies": (wav(tone(8000), 8000, claimed=20000), "cut short: its header promises 20000 bytes of sound, and it holds 16000"),
    "a length of nothing": (wav(tone(8000), 8000, claimed=0), "no sample"),
    "no sample": (wav(np.zeros((0, 1)), 8000)[:40] + bytes(4), "no sample"),
    "not finite": (wav([0.0, np.nan, np.inf], 8000, kind=3), "2 of its samples are NaN or infinite"),
    "an unknown coding": (wav(tone(8000), 8000, kind=0x1234), "cannot be read as a WAV file"),
}


@pytest.mark.parametrize("how", DAMAGED)
def test_a_damaged_file_is_named(how, tmp_path):
    content, message = DAMAGED[how]
    folder = write(tmp_path, words=("yes",))
    path = folder / "yes" / "00000001_nohash_0.wav"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        load_speech_commands(tmp_path, words=("yes",))
    assert str(path) in str(error.value)


def test_lists_and_folders_that_do_not_fit_are_named(tmp_path):
    with pytest.raises(InputError, match="needs 'testing_list.txt' beside the folders of the words"):
        load_speech_commands(tmp_path)
    folder = write(tmp_path)
    lists = {name: (folder / name).read_text() for name in ("validation_list.txt", "testing_list.txt")}
    load = lambda split="train": load_speech_commands(tmp_path, split, words=("yes", "no"))
    with pytest.raises(InputError, match=r"three must hold WAV files for 'train'"):
        load_speech_commands(tmp_path, words=("three",))
    (folder / "testing_list.txt").write_text(lists["testing_list.txt"] + "no/ffffffff_nohash_0.wav\n")
    with pytest.raises(InputError, match=r"testing_list.txt names 'no/ffffffff_nohash_0.wav', but there is no such file"):
        load()
    assert len(load_speech_commands(tmp_path, words=("yes",))) == 2  # a list may name what is not asked for
    (folder / "testing_list.txt").write_text(lists["validation_list.txt"])
    with pytest.raises(InputError, match="names 'no/00000002_nohash_0.wav', which validation_list.txt names as well"):
        load()
    (folder / "testing_list.txt").write_text("")
    with pytest.raises(InputError, match="yes must hold WAV files for 'test'"):
        load("test")
    (folder / "validation_list.txt").unlink()
    with pytest.raises(InputError, match="validation_list.txt cannot be read as a list of files"):
        load()


def test_bad_arguments_are_named(tmp_path):
    wrong = ((dict(split="dev"), "split must be one of"), (dict(rate=0), "rate must be at least 1"), (dict(words=()), "words must be one"),
             (dict(seconds=0), "seconds must be greater"), (dict(most=0), "most must be at least 1"), (dict(words=("a", "a")), "different ones"))
    for changes, message in wrong:
        with pytest.raises(InputError, match=message):
            load_speech_commands(tmp_path, **changes)
    with pytest.raises(InputError, match="nothing.wav cannot be read: No such file"):
        read_sound(tmp_path / "nothing.wav", 8000)
