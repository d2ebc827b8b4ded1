"""README's answers come from the results alone, the log is dated history, and any drawn figure that is changed by hand is found."""

import re

import pytest

from distill_helpers.checks import InputError
from distill_helpers.course import texts
from distill_helpers.course.paths import repository
from distill_helpers.course.store import replace_verdict

RESULTS = repository() / "results"
SPOT = re.compile(r"<!-- (?:finding|number|verdicts?|evidence|ledger)\b[^>]*-->(.*?)<!-- /\w+ -->", re.DOTALL)


def readme():
    return (repository() / "README.md").read_text(encoding="utf-8")


def answers():
    section = readme().split("## Some answers it gives")[1].split("\n## ")[0]
    return re.findall(r"^- .*?(?=^- |\Z)", section, re.MULTILINE | re.DOTALL)


def typed(bullet: str) -> str:
    """What is left of an answer without its drawn spots: a question with its link, and names of what follows."""
    return SPOT.sub("", bullet)


def faults_of(bullet: str) -> list[str]:
    question, mark, rest = typed(bullet)[2:].partition("?")
    faults = [] if mark and re.search(r"\]\(notebooks/\d\d_", question) else ["it asks nothing, or names no lesson"]
    faults += [] if SPOT.search(bullet) else ["nothing in it is drawn"]
    # behind the question: ids of claims, "In the first edition", a setting such as "at T = 8", and marks
    left = re.sub(r"\bC\d\d\b|In the first edition|, at T = \d+|\band\b|[\s:;.,]", "", rest)
    return faults + ([f"typed beside the results: {left}"] if left else [])


def test_readme_s_answers_are_drawn():
    assert len(answers()) >= 6
    for bullet in answers():
        assert not faults_of(bullet), bullet


@pytest.mark.parametrize("planted", [
    "- Does it help ([07](notebooks/07_soft_targets.ipynb))? By 3 points. <!-- verdict:C02 -->holds<!-- /verdict -->",
    "- A teacher helps most where labels are few ([07](notebooks/07_soft_targets.ipynb)).",
    "- Does it help? <!-- verdict:C02 -->holds<!-- /verdict -->",
])  # fmt: skip
def test_a_typed_answer_is_found(planted):
    assert faults_of(planted)


@pytest.mark.parametrize("page", texts.PAGES)
def test_a_figure_that_is_changed_by_hand_goes_red(page, tmp_path, monkeypatch):
    """Every digit or word inside every spot: change one, and the page is stale."""
    text = (repository() / page).read_text(encoding="utf-8")
    spots = [found for found in SPOT.finditer(text) if found[1]]
    assert spots
    copy = tmp_path / "page.md"
    monkeypatch.setattr(texts, "pages", lambda: [copy])
    copy.write_text(text, encoding="utf-8")
    assert texts.stale_pages(RESULTS) == []
    for found in spots:
        place = next((n for n, letter in enumerate(found[1]) if letter.isdigit()), 0) + found.start(1)
        planted = "7" if text[place] != "7" else "8"
        copy.write_text(text[:place] + planted + text[place + 1 :], encoding="utf-8")
        assert texts.stale_pages(RESULTS) == [copy], found[0][:80]


def test_spots_of_a_lesson_and_of_evidence(tmp_path):
    numbers = {"mean": -0.0475, "low": -0.0581, "high": -0.0369, "margin": 0.005, "seeds": 8}
    row = {"edition": 1, "claim": "C21", "part": "Softmax", "lesson": "robust_students", "verdict": "refuted",
           "stated": [{"evidence": "clean accuracy rises", "holds": "yes", "numbers": {}}],
           "corrected": [{"evidence": "accuracy under attack rises", "holds": "no", "numbers": numbers}]}  # fmt: skip
    replace_verdict(tmp_path, row)
    replace_verdict(
        tmp_path, {"edition": 2, "claim": "C21", "part": "", "lesson": "robust_students", "verdict": "holds in part", "form": "at T = 1"}
    )
    text = "<!-- verdicts:robust_students -->x<!-- /verdicts --> <!-- evidence:C21/Softmax/2 -->x<!-- /evidence -->"
    text += "<!-- evidence:C21/Softmax/1 --><!-- /evidence -->"
    text += "<!-- evidence:C21/Softmax/2 in points --><!-- /evidence -->"
    drawn = [found[1] for found in SPOT.finditer(texts.refreshed(text, tmp_path))]
    assert drawn[0] == "C21 (Softmax) refuted; C21 holds in part, at T = 1 (first edition)"
    assert drawn[1] == "accuracy under attack rises: no (-0.0475 [-0.0581, -0.0369], seeds 8)" and drawn[2] == "clean accuracy rises: yes"
    assert drawn[3] == "accuracy under attack rises: no (-4.75 [-5.81, -3.69] points, 8 seeds)"


@pytest.mark.parametrize(("spot", "words"), [
    ("verdicts:nowhere", "'nowhere', which has recorded no verdict"), ("evidence:C21/Softmax/9", "names none"),
    ("evidence:C21/Softmax/x", "names none"),
    ("evidence:C01//1", "names none"), ("evidence:C21/Softmax/1 in miles", "names none"),
])  # fmt: skip
def test_spots_that_name_nothing(spot, words, tmp_path):
    replace_verdict(
        tmp_path,
        {
            "edition": 1,
            "claim": "C21",
            "part": "Softmax",
            "lesson": "robust_students",
            "verdict": "holds",
            "stated": [{"evidence": "it rises", "holds": "yes", "numbers": {}}],
            "corrected": [],
        },
    )
    with pytest.raises(InputError, match=words):
        texts.refreshed(f"<!-- {spot} -->x<!-- /{spot.split(':')[0]} -->", tmp_path)


def test_the_log_is_dated_history():
    """It says so, every entry stands under a day, and the days are in order."""
    log = (repository() / "docs" / "experiment_log.md").read_text(encoding="utf-8")
    head, *days = re.split(r"^## ", log, flags=re.MULTILINE)
    assert "An entry is history" in head and not re.search(r"^- ", head, re.MULTILINE)
    dates = [day.splitlines()[0].strip() for day in days]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", date) for date in dates) and dates == sorted(set(dates))
    assert all(re.search(r"^- ", day, re.MULTILINE) for day in days)
