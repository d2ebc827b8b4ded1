"""The text of Python's own help on its language: 79 topics of plain technical English with code, bundled."""

import gzip
import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from distill_helpers.checks import InputError
from distill_helpers.data.text.parts import TextParts
from distill_helpers.data.text.repeats import without_repeats

BUNDLED = Path(__file__).parents[1] / "bundled" / "pydoc_topics.json.gz"
SHA256 = "e7efa528c40a8bf6514b1db3ad0fee8ec864708e473deff6c4001a57a65be58f"
SHARES = (0.40, 0.05, 0.05, 0.35, 0.05, 0.10)  # of the text: teacher's training, validation and test, then the student's


class PydocText(NamedTuple):
    """What teaches and tests a teacher, and what teaches and tests a student; no topic is in two of the six parts."""

    teacher: TextParts
    student: TextParts


def pydoc_topics() -> dict[str, str]:
    """{topic: text} of ``pydoc_data.topics`` of Python 3.11.7, as it is: 79 topics, 464,970 characters, 103 different ones.

    PSF Licence Agreement, beside the file. Raises InputError for a damaged file.
    """
    content = BUNDLED.read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise InputError(f"the bundled file {BUNDLED.name} is damaged; install the package again.")
    return json.loads(gzip.decompress(content))


def pydoc_text() -> PydocText:
    """The topics without what they repeat of each other, cut by topic into six parts, the same every time.

    Long topics hold shorter ones whole ("specialnames" has all of "attribute-access"), so a cut by topic alone would put a good part of the
    text on both sides. See ``without_repeats`` for what is left out. Then each topic, the largest first, goes to the part that lacks most of its
    share: 40, 5 and 5 % of the text for the teacher's training, validation and test, 35, 5 and 10 % for the student's.
    Raises InputError for a damaged file.
    """
    teacher, student = _cut()
    copy = lambda parts: TextParts(*(dict(part) for part in parts))
    return PydocText(copy(teacher), copy(student))


@lru_cache(maxsize=1)
def _cut() -> PydocText:
    topics = without_repeats(pydoc_topics())
    whole = sum(map(len, topics.values()))
    parts: list[dict[str, str]] = [{} for _ in SHARES]
    for name in sorted(topics, key=lambda name: (-len(topics[name]), name)):
        lacking = [share * whole - sum(map(len, part.values())) for share, part in zip(SHARES, parts, strict=True)]
        parts[lacking.index(max(lacking))][name] = topics[name]
    return PydocText(TextParts(*parts[:3]), TextParts(*parts[3:]))
