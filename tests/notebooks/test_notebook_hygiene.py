"""What every notebook must have, read from the files: nothing is executed here."""

import re
import statistics

import nbformat
import pytest

from distill_helpers.course import sync
from distill_helpers.course.catalogue import LESSONS
from distill_helpers.course.claims import CLAIMS
from distill_helpers.course.paths import repository
from distill_helpers.course.verdicts import read_verdicts

ROOT = repository()
SOURCES = sync.sources()
NOTEBOOKS = {source.stem: sync.target(source) for source in SOURCES}


@pytest.fixture(params=NOTEBOOKS, scope="module")
def notebook(request):
    found = nbformat.read(NOTEBOOKS[request.param], as_version=4)
    found.stem = request.param
    return found


def code(notebook):
    return [c for c in notebook.cells if c.cell_type == "code" and c.source.strip()]


def tags(cell):
    return cell.metadata.get("tags", [])


def second_edition(notebook):
    """Its opening, closing and length are held by the page's rules, in test_page.py."""
    return next(lesson for lesson in LESSONS if lesson.stem == notebook.stem).edition == 2


@pytest.mark.parametrize("source", SOURCES, ids=lambda s: s.stem)
def test_pair_has_not_drifted(source):
    assert sync.drifted(source) == ""


def test_every_notebook_has_a_source():
    assert {p.stem for p in (ROOT / "notebooks").glob("*.ipynb")} == set(NOTEBOOKS)
    assert set(NOTEBOOKS) <= {lesson.stem for lesson in LESSONS}


def test_drift_is_noticed(tmp_path, monkeypatch):
    """The check above can fail: change one character of a source."""
    source = SOURCES[0]
    changed = tmp_path / source.name
    changed.write_text(source.read_text(encoding="utf-8").replace("Start here", "Start where", 1), encoding="utf-8")
    assert "differs from its source" in sync.drifted(changed)


def test_executed_in_order_from_a_fresh_kernel(notebook):
    assert [c.execution_count for c in code(notebook)] == list(range(1, len(code(notebook)) + 1))



def test_errors_are_stored_exactly_where_they_are_meant(notebook):
    meant = "Unsolved" if second_edition(notebook) else "NotImplementedError"
    for cell in code(notebook):
        raised = [o.ename for o in cell.outputs if o.output_type == "error"]
        assert raised == ([meant] if "raises-exception" in tags(cell) else []), cell.source


def test_nothing_that_a_machine_had_to_say_is_stored(notebook):
    """Warnings and words of libraries on the error stream belong to the machine on which a page was made."""
    said = [o["text"] for cell in code(notebook) for o in cell.outputs if o.get("name") == "stderr"]
    assert said == []


def test_figures_have_alt_text(notebook):
    for cell in code(notebook):
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                assert len(output.metadata.get("image/png", {}).get("alt", "")) > 30, cell.source
            if "<img" in str(output.get("data", {}).get("text/html", "")):
                assert "alt=" in output.data["text/html"]
    for cell in notebook.cells:
        assert not re.search(r"!\[\s*\]\(", cell.source) or cell.cell_type == "code"


def test_cells_are_short(notebook):
    if second_edition(notebook):
        return
    lengths = sorted(len(c.source.strip().splitlines()) for c in code(notebook))
    assert statistics.median(lengths) <= 6, lengths
    assert lengths[int(0.9 * (len(lengths) - 1))] <= 15, lengths
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and "# Further reading" not in cell.source and not cell.source.startswith("# "):
            assert len(cell.source.split()) <= 100, cell.source


def test_opens_with_a_promise_and_one_setup_cell(notebook):
    first = notebook.cells[0]
    assert first.cell_type == "markdown" and first.source.startswith(f"# {notebook.stem[:2]} · ")
    for words in ("You will be able to", "You need", "Time:", "Claims:" if second_edition(notebook) else "Claims tested:"):
        assert words in first.source
    second, earlier = judged(notebook)
    for claim in second | {claim for claim, _ in earlier}:
        assert claim in first.source
    starts = [c for c in code(notebook) if "dh.start(" in c.source]
    assert starts == code(notebook)[:1] and starts[0].source.splitlines()[-1].startswith("dh.start(seed=")


def test_closes_with_what_to_remember(notebook):
    text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    if second_edition(notebook):
        return
    for words in ("## Remember", "urther reading", "**Next:**"):
        assert words in text


def test_no_forbidden_tools_and_no_paths_of_a_machine(notebook):
    text = nbformat.writes(notebook)
    for cell in code(notebook):
        assert not re.search(r"\binteract\(|interactive_output|widgets\.Output\(|tqdm\.auto", cell.source)
    assert not re.search(r"(?<![\w.])/(?:home|root|tmp|Users|work|usr)/", text)
    assert len(text) < 1_500_000


def test_relative_links_lead_somewhere(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for link in re.findall(r"\]\(([^)#]+)[^)]*\)", cell.source):
                assert link.startswith("http") or (ROOT / "notebooks" / link).exists(), link


def test_every_ignored_cell_is_followed_by_a_strict_one(notebook):
    cells = code(notebook)
    for cell, following in zip(cells, [*cells[1:], None], strict=True):
        if "nbval-ignore-output" in tags(cell) and cell.outputs and "dh.figure(" not in cell.source:
            rest = cells[cells.index(cell) + 1 :]
            strict = [c for c in rest[:4] if "nbval-ignore-output" not in tags(c)]
            assert following is not None and strict, cell.source


def judged(notebook):
    """Claims that a notebook judges: by the register's readings, and in the first edition's way with the lesson's number."""
    text = "\n".join(c.source for c in code(notebook))
    return set(re.findall(r'dh\.claim\("(C\d\d)"', text)), set(re.findall(r'dh\.first_edition\("(C\d\d)", "(\d\d)"', text))


def test_claims_are_judged_where_the_register_says(notebook):
    """A lesson judges all parts that it is home to, or still all of it in the first edition's way; what it judges is what is published."""
    lesson = next(x for x in LESSONS if x.stem == notebook.stem)
    second, first = judged(notebook)
    assert not (second and first), "a lesson is reworked whole"
    assert {number for _, number in first} <= {lesson.number}
    published = [r for r in read_verdicts(ROOT / "results") if r["lesson"] == lesson.name]
    assert {r["claim"] for r in published if r["edition"] == 1} == {claim for claim, _ in first}
    parts = {(c.id, p.name) for c in CLAIMS.values() for p in c.parts if p.home == lesson.name}
    assert {(r["claim"], r["part"]) for r in published if r["edition"] == 2} == (parts if second else set())
    assert second in (set(), set(lesson.claims)) and (second or first or not lesson.claims)


@pytest.mark.parametrize("page", ["README.md", "docs/architecture.md", "docs/contributing.md", "docs/experiment_log.md"])
def test_pages_link_to_what_exists(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert link.startswith("http") or (ROOT / page).parent.joinpath(link).exists(), link
    assert not re.search(r"!\[\s*\]\(", text)


def test_readme_table_is_the_map():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for lesson in LESSONS:
        if lesson.built:
            assert re.search(rf"\| {lesson.number} \| \[[^]]+\]\(notebooks/{lesson.stem}\.ipynb\)", text), lesson.stem
        else:
            assert f"notebooks/{lesson.stem}.ipynb" not in text


def test_the_next_lesson_is_the_next_that_is_there(notebook):
    """And those between that are not built yet are said to come; the last lesson leads where it likes."""
    said = next(c.source for c in notebook.cells if "**Next:**" in c.source).rpartition("**Next:**")[2]
    place = [lesson.stem for lesson in LESSONS].index(notebook.stem)
    rest = LESSONS[place + 1 :]
    following = next((lesson for lesson in rest if lesson.built), None)
    if following is None:
        return
    assert re.match(rf" \[{following.number} · [^]]+\]\({following.stem}\.ipynb\)", said), said
    between = rest[: rest.index(following)]
    come = said.partition("To come:")[2]
    numbers = re.findall(r"\b\d\d\b", come)
    named = {f"{n:02d}" for low, high in re.findall(r"\b(\d\d) to (\d\d)\b", come) for n in range(int(low), int(high) + 1)} | set(numbers)
    assert named == {lesson.number for lesson in between}, said
