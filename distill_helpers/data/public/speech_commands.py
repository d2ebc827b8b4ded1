"""Speech Commands in its authors' folders of WAV files, with their lists of which files are for validation and for testing."""

import math
import struct
from pathlib import Path

import numpy as np
import torch

from distill_helpers.checks import InputError, needed, one_of, positive, whole
from distill_helpers.data.public.places import data_root
from distill_helpers.data.sound_set import SoundSet

SPLITS = ("train", "validation", "test")
LISTS = {"validation": "validation_list.txt", "test": "testing_list.txt"}
FOLDERS = ("SpeechCommands/speech_commands_v0.02", "speech_commands_v0.02", "")
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
UNKNOWN = 0x7F000000  # a length from here up was written before it was known, as by a program whose output is piped


def load_speech_commands(root=None, split: str = "train", *, words=DIGITS, rate: int = 8000, seconds: float = 1.0,
                         most: int | None = None) -> SoundSet:  # fmt: skip
    """Speech Commands v0.02 (Warden 2018, arXiv 1804.03209; CC BY 4.0): recordings of single words, int16 [N, seconds · rate].

    root: see ``places.data_root``; the folders of the words, with validation_list.txt and testing_list.txt beside them, lie in
    root/SpeechCommands/speech_commands_v0.02 (where torchaudio puts them), in root/speech_commands_v0.02, or in root itself. split: "validation"
    and "test" are the files of those lists, "train" all others. words: the folders that are read, in the order of the classes; by default the ten
    digits. most: of each word, the first by name.
    Files are read by soundfile, in 8, 16, 24 or 32 bits or floating point. Several channels become their mean; another sampling rate is resampled
    (polyphase, scipy.signal.resample_poly); a shorter recording stands in the middle between silences, of a longer one the middle is kept; what is
    above full scale is cut off. A length in the header that was not known when it was written (0x7F000000 and up) is taken from the file's
    size; bytes behind the stated length are not read. Nothing is downloaded.
    Raises InputError, which names the file, for one that is missing, empty, cut short (its header promises more than it holds), no WAV file,
    without a sample, or not finite; for a list that names a file that is not there, or one that the other list names as well; and for a word
    without files.
    """
    one_of("split", split, SPLITS)
    whole("rate", rate)
    positive("seconds", seconds)
    if most is not None:
        whole("most", most)
    words = tuple(words)
    if not words or len(set(words)) < len(words):
        raise InputError(f"words must be one or more different ones, but {words!r} was given.")
    folder = _folder(data_root(root))
    listed = {name: _listed(folder, file, words) for name, file in LISTS.items()}
    both = sorted(listed["validation"] & listed["test"])
    if both:
        raise InputError(f"{folder / LISTS['test']} names {both[0]!r}, which {LISTS['validation']} names as well.")
    length, sounds, labels = round(seconds * rate), [], []
    for label, word in enumerate(words):
        for path in _files(folder, word, split, listed)[:most]:
            sounds.append(_fitted(read_sound(path, rate), length))
            labels.append(label)
    held = torch.from_numpy(np.stack(sounds))
    return SoundSet(held, torch.tensor(labels), len(words), f"speech-commands, {split}", rate, names=words)


def read_sound(path, rate: int) -> np.ndarray:
    """One WAV file as int16 [samples] at ``rate`` Hz, one channel; see ``load_speech_commands``."""
    path = Path(path)
    soundfile = needed("soundfile")
    _check_header(path)
    try:
        sound, found = soundfile.read(path, dtype="float64", always_2d=True)
    except (soundfile.SoundFileError, OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a WAV file: {error}") from error
    if not len(sound):
        raise InputError(f"{path} must hold a sound, but it has no sample.")
    if not np.isfinite(sound).all():
        raise InputError(f"{path} must be finite, but {int((~np.isfinite(sound)).sum())} of its samples are NaN or infinite.")
    sound = sound.mean(1)
    if found != rate:
        common = math.gcd(found, rate)
        sound = needed("scipy.signal").resample_poly(sound, rate // common, found // common)
    return np.clip(np.round(sound * 32768), -32768, 32767).astype(np.int16)


def _check_header(path: Path) -> None:
    """Raise unless the file is a WAV file that holds as much sound as it says; libsndfile reads one that was cut short without a word."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    if not content:
        raise InputError(f"{path} must be a WAV file, but it is empty.")
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise InputError(f"{path} must be a WAV file, but it does not begin as one.")
    place = 12
    while place + 8 <= len(content):
        kind, size = struct.unpack_from("<4sI", content, place)
        if kind == b"data":
            there = len(content) - place - 8
            if there < size < UNKNOWN:
                raise InputError(f"{path} is cut short: its header promises {size} bytes of sound, and it holds {there}.")
            return
        place += 8 + size + size % 2
    raise InputError(f"{path} must be a WAV file, but it has no part that holds sound.")


def _fitted(sound: np.ndarray, length: int) -> np.ndarray:
    room = length - len(sound)
    if room >= 0:
        return np.pad(sound, (room // 2, room - room // 2))
    begin = -room // 2
    return sound[begin : begin + length]


def _folder(root: Path) -> Path:
    for name in FOLDERS:
        if (root / name / LISTS["test"]).is_file():
            return root / name
    raise InputError(f"Speech Commands needs {LISTS['test']!r} beside the folders of the words in {str(root)!r}, but it is not there; unpack "
                     f"speech_commands_v0.02.tar.gz into {str(root / FOLDERS[1])!r}.")  # fmt: skip


def _listed(folder: Path, name: str, words) -> set[str]:
    """The files, "word/name.wav", that a list names among these words; each must be there."""
    path = folder / name
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as a list of files: {error}") from error
    wanted = {line for line in lines if line.partition("/")[0] in words}
    for line in sorted(wanted):
        if not (folder / line).is_file():
            raise InputError(f"{path} names {line!r}, but there is no such file.")
    return wanted


def _files(folder: Path, word: str, split: str, listed) -> list[Path]:
    there = {f"{word}/{path.name}" for path in (folder / word).glob("*.wav")}
    chosen = there - listed["validation"] - listed["test"] if split == "train" else there & listed[split]
    if not chosen:
        raise InputError(f"{folder / word} must hold WAV files for {split!r}, but there is none.")
    return [folder / name for name in sorted(chosen)]
