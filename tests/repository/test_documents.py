"""The code in the documents runs as it stands."""

import re

import pytest
import torch

from distill_helpers.course.paths import repository

ROOT = repository()


def blocks(name: str) -> list[str]:
    """The Python blocks of a page, in order."""
    return re.findall(r"^```python\n(.*?)^```", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """Names after the first block of the page, run twice: once whole, once from an empty folder."""
    found = []
    for number in range(2):
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(tmp_path_factory.mktemp(f"run{number}"))
            torch.manual_seed(0)
            names: dict = {}
            exec(compile(blocks("docs/your_model.md")[0], "docs/your_model.md", "exec"), names)
            found.append(names)
    return found


def test_the_outside_use_takes_thirty_lines_at_most():
    lines = [line for line in blocks("docs/your_model.md")[0].splitlines() if line.strip()]
    assert len(lines) <= 30


def test_it_is_reproducible_to_the_last_digit(first):
    a, b = (names["model"].state_dict() for names in first)
    assert all(torch.equal(a[k], b[k]) for k in a)
    assert first[0]["curve"].rows == first[1]["curve"].rows and len(first[0]["curve"].rows) == 4


def test_the_best_epoch_is_what_was_kept(first):
    names = first[0]
    scores = [row["accuracy"] for row in names["curve"].rows]
    assert names["best"].scores == [max(scores)] and names["best"].steps == [10 * (scores.index(max(scores)) + 1)]


def test_the_comparison_below_it_runs(first):
    names = dict(first[0])
    exec(compile(blocks("docs/your_model.md")[1], "docs/your_model.md", "exec"), names)
    assert names["found"].arms == ["labels", "soft", "hints", "relations"]


@pytest.fixture(scope="module")
def in_table(first):
    """Names after the page's block on a table."""
    names = dict(first[0])
    exec(compile(blocks("docs/your_model.md")[2], "docs/your_model.md", "exec"), names)
    return names


def test_a_table_is_learnt_and_rows_without_a_label_are_of_use(in_table):
    alone, taught = in_table["alone"], in_table["taught"]
    assert alone.scores["accuracy"].mean() > 0.4 and in_table["gain"].low > 0  # chance is 0.25
    assert in_table["gain"].n == 8 and in_table["gain"].method == "two-way"
    for a, b in zip(alone.replicates, taught.replicates, strict=True):  # the same rows have their labels, and no other row is looked up
        assert set(a.rows.tolist()) == set(b.rows[b.labelled].tolist()) and len(b.rows) == 500 and max(a.rows) < 260


def test_every_arm_is_tuned_on_rows_and_replicates_of_their_own(in_table, capsys):
    exec(compile(blocks("docs/your_model.md")[3], "docs/your_model.md", "exec"), names := dict(in_table))
    assert "labels: rate" in (said := capsys.readouterr().out) and "soft: rate" in said
    assert names["held"] is not names["unseen"] and len(names["labels_at"]) < len(names["soft_at"])


def test_the_readmes_comparison_runs_in_about_ten_lines():
    (code,) = blocks("README.md")
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    names: dict = {}
    exec(compile(code, "README.md", "exec"), names)
    assert names["found"].arms == ["labels", "soft", "relations"] and names["found"].scores["accuracy"].mean() > 0.3
