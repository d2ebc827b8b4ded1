"""Tests mirror the rooms of the package: a folder for each room, and beside them the notebooks and the repository."""

from collections import Counter
from pathlib import Path

import distill_helpers

PACKAGE = Path(distill_helpers.__file__).parent
TESTS = Path(__file__).parents[1]
BESIDE = {"notebooks", "repository"}
FLAT = {"test_checks": "checks", "test_boxes": "boxes", "test_transcripts": "transcripts", "test_counting": "counting",
        "test_compare": "comparison"}  # fmt: skip


def test_each_room_has_its_tests_and_each_folder_of_tests_is_a_room():
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert {path.parent.name for path in TESTS.glob("*/test_*.py")} == rooms | BESIDE
    assert not list(TESTS.glob("*/*/test_*.py"))


def test_beside_the_rooms_lie_the_tests_of_modules_beside_the_rooms():
    assert {path.stem for path in TESTS.glob("test_*.py")} == set(FLAT)
    assert set(FLAT.values()) <= {path.stem for path in PACKAGE.glob("*.py")}


def test_no_two_files_of_tests_have_one_name():
    """They are imported by their names alone."""
    names = Counter(path.name for path in TESTS.rglob("*.py"))
    assert not [name for name, count in names.items() if count > 1]
