"""Text of your own, such as TinyShakespeare or WikiText: a file in UTF-8, read and cut in parts that do not overlap."""

from pathlib import Path

from distill_helpers.checks import InputError, positive
from distill_helpers.data.text.parts import TextParts


def read_text(path) -> str:
    """The text of a file in UTF-8, lines ended by "\\n" whatever ended them there; a byte order mark is no part of it.

    Raises InputError, which names the file, when it is missing, no file or empty, and with the byte's offset when it is not UTF-8.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"path must name a text file, but {str(path)!r} is not there.")
    if not path.is_file():
        raise InputError(f"path must name a text file, but {str(path)!r} is a folder.")
    content = path.read_bytes()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        wrong = f"byte {content[error.start]:#04x} at offset {error.start}"
        raise InputError(f"path must name a text file in UTF-8, but {str(path)!r} has {wrong}: {error.reason}.") from error
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise InputError(f"path must name a file with text in it, but {str(path)!r} is empty.")
    return text


def cut_text(text: str, shares=(0.8, 0.1, 0.1), name: str = "text") -> TextParts:
    """One text as training, validation and test, in this order, each {name: text}; cuts fall on the ends of lines.

    shares: their sizes relative to each other, in characters. Raises InputError for shares that are not three numbers above 0, and for a text of
    too few lines for three parts.
    """
    if not isinstance(shares, (tuple, list)) or len(shares) != 3:
        raise InputError(f"shares must be three numbers, for training, validation and test, but {shares!r} was given.")
    for place, share in enumerate(shares):
        positive(f"shares[{place}]", share)
    places = []
    for part in (shares[0], shares[0] + shares[1]):
        places.append(text.rfind("\n", 0, int(len(text) * part / sum(shares))) + 1)
    parts = [text[a:b] for a, b in zip((0, *places), (*places, len(text)), strict=True)]
    if not all(part.strip() for part in parts):
        raise InputError(f"text must have lines enough for three parts, but {len(text)} characters in {text.count(chr(10)) + 1} lines were given.")
    return TextParts(*({name: part} for part in parts))
