"""The rules of a second-edition page that a machine can see. Each takes a Page and returns its faults, one sentence each."""

import re
import statistics
from dataclasses import dataclass
from html.parser import HTMLParser

STATE, VIEW = "application/vnd.jupyter.widget-state+json", "application/vnd.jupyter.widget-view+json"
PLOTTING = re.compile(
    r"\bplt\.|\bpyplot\b|\b(?!figures\b)(?:ax|axes|fig)\w*(?:\.flat)?(?:\[[^]]*\])?\.\w+\(|\.(?:imshow|scatter|savefig|subplots)\("
)
PLAIN_MATHS = re.compile(r"[Σ∂∇∫√∑∏ᵢⱼ]|\w\^\w|\b[A-Za-z][²³]|\b\w+ = \w+ [/·+] \w+")
PROMISES = ("The question:", "You will be able to", "You need", "Time:", "Claims:")
CLOSING = ("## Verdicts", "## What you know now", "## Exercises", "## Further reading", "**Next:**")


@dataclass
class Page:
    """A notebook with its outputs, and what the course knows of it: its claims, the kinds of its exercises, the papers that exist."""

    notebook: object
    stem: str
    claims: tuple = ()
    kinds: tuple = ("computes", "judges", "extends")
    papers: frozenset = frozenset()

    @property
    def code(self):
        return [c for c in self.notebook.cells if c.cell_type == "code" and c.source.strip()]

    @property
    def text(self):
        return [c for c in self.notebook.cells if c.cell_type == "markdown"]


RULES = {}


def rule(function):
    """Register a rule under its name."""
    RULES[function.__name__] = function
    return function


@rule
def opening(page):
    """One text with the promises; one set-up cell; then a drawing."""
    first = page.notebook.cells[0]
    faults = [] if first.cell_type == "markdown" and first.source.startswith(f"# {page.stem[:2]} · ") else ["it does not open with its title"]
    faults += [f"the opening does not say {words!r}" for words in (*PROMISES, *page.claims) if words not in first.source]
    starts = [cell for cell in page.code if "dh.start(" in cell.source]
    if starts != page.code[:1] or not starts[0].source.strip().splitlines()[-1].startswith("dh.start(") or page.notebook.cells[1] is not starts[0]:
        faults.append("the second cell is not the one set-up cell, which ends with dh.start(...)")
    lines = [line for cell in page.code[1:] for line in cell.source.splitlines()]
    faults += [f"an import outside of the set-up cell: {line!r}" for line in lines if re.match(r"(?:import|from) (?!distill_helpers)", line)]
    if not any("<svg" in html and "<title" in html for cell in page.code[1:2] for html in _html(cell)):
        faults.append("the cell after the set-up shows no drawing with a title")
    return faults


@rule
def formulas(page):
    """Formulas are typeset, and none stands as plain text."""
    text = "\n".join(cell.source for cell in page.text)
    faults = [] if re.search(r"\$[^$\s][^$]*\$", text) else ["no formula is typeset"]
    return faults + [f"a formula as plain text: {found[0]!r}" for found in PLAIN_MATHS.finditer(_prose(text, formula=""))]


@rule
def width_of_code(page):
    lines = [line for cell in page.code for line in cell.source.splitlines()]
    return [f"{len(line)} columns: {line[:60]}…" for line in lines if len(line) > 88]


@rule
def length_of_cells(page):
    lengths = sorted(len(cell.source.strip().splitlines()) for cell in page.code)
    median, ninth = statistics.median(lengths), lengths[int(0.9 * (len(lengths) - 1))]
    faults = [f"half of the code cells have {median:g} lines or more, where 6 is the most"] if median > 6 else []
    return faults + ([f"one code cell in ten has {ninth} lines or more, where 12 is the most"] if ninth > 12 else [])


@rule
def plotting(page):
    lines = [line for cell in page.code for line in cell.source.splitlines() if PLOTTING.search(line)]
    return [f"{len(lines)} lines of plotting, from {lines[0].strip()!r} on"] if len(lines) > 12 else []


@rule
def predictions(page):
    """Two at least, each taken up after it."""
    asked = [(n, key) for n, cell in enumerate(page.code) for key in re.findall(r"dh\.predict\(\s*\"([^\"]+)\"", cell.source)]
    told = {key: n for n, cell in enumerate(page.code) for key in re.findall(r"dh\.predict\.outcome\(\s*\"([^\"]+)\"", cell.source)}
    faults = [] if len(asked) >= 2 else [f"{len(asked)} predictions, where there should be two at least"]
    return faults + [f"the prediction {key!r} is not taken up in a later cell" for n, key in asked if told.get(key, -1) <= n]


@rule
def length_of_texts(page):
    """20 to 80 words, headings not counted; the opening and the last line are longer or shorter as they must."""
    faults = []
    for cell in page.text[1:]:
        words = len(_prose(cell.source).split())
        if cell.source.startswith("**Next:**") or cell.source.strip() in CLOSING:
            continue
        if not 20 <= words <= 80:
            faults.append(f"{words} words: {cell.source.strip()[:60]!r}")
    return faults


@rule
def figures(page):
    """Each picture has alt text and a caption right under it; captions are numbered in order."""
    faults, numbers = [], []
    for cell in page.code:
        outputs = cell.outputs
        for output, following in zip(outputs, [*outputs[1:], None][: len(outputs)], strict=True):
            data = output.get("data", {})
            if "image/png" not in data and not data.get("text/html", "").startswith("<svg"):
                continue
            alt = output.metadata.get("image/png", {}).get("alt", "") if "image/png" in data else data["text/html"]
            if len(alt) <= 30:
                faults.append(f"a figure without alt text: {cell.source[:60]!r}")
            caption = following.get("data", {}).get("text/markdown", "") if following else ""
            number = re.match(r"\*\*Figure (\d+)\.\*\* \S", caption)
            if number:
                numbers.append(int(number[1]))
            else:
                faults.append(f"a figure without a caption: {cell.source[:60]!r}")
    return faults + ([] if numbers == list(range(1, len(numbers) + 1)) else [f"captions are numbered {numbers}"])


@rule
def size_of_tables(page):
    faults = []
    for cell in page.code:
        for html in _html(cell):
            for rows, columns in _tables(re.sub(r"<details>.*?</details>", "", html, flags=re.DOTALL)):
                if rows > 12 or columns > 7:
                    faults.append(f"a table of {rows} rows and {columns} columns: {cell.source[:60]!r}")
    return faults


@rule
def widgets(page):
    """A static figure first; pictures stored; nothing that hangs unattended execution."""
    faults, models = [], page.notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {})
    for number, cell in enumerate(page.code):
        if found := re.search(r"\binteract\(|interactive_output|\bOutput\(\)", cell.source):
            faults.append(f"{found[0]!r} is used")
        if "dh.explore(" not in cell.source:
            continue
        views = [output.data[VIEW]["model_id"] for output in cell.outputs if VIEW in output.get("data", {})]
        parts = [child for view in views if view in models for child in models[view]["state"].get("children", [])]
        kinds = {models.get(part.removeprefix("IPY_MODEL_"), {}).get("model_name") for part in parts}
        if "StackModel" not in kinds:
            faults.append(f"no pictures are stored for {cell.source[:60]!r}")
        if not any("image/png" in output.get("data", {}) for before in page.code[:number] for output in before.outputs):
            faults.append(f"no static figure stands before {cell.source[:60]!r}")
    return faults


@rule
def results(page):
    """A result is printed with its number, never as a bare truth value."""
    lines = [line for cell in page.code for output in cell.outputs for line in output.get("text", "").splitlines()]
    return [f"a bare truth value: {line!r}" for line in lines if re.search(r"\b(?:True|False)\s*$", line)]


@rule
def closing(page):
    """Verdicts (where claims are judged), what you know now, exercises, further reading, the next lesson, in this order."""
    text = "\n".join(cell.source for cell in page.text)
    wanted = CLOSING if page.claims else CLOSING[1:]
    places = [text.rfind(words) for words in wanted]
    faults = [f"no {words!r}" for words, place in zip(wanted, places, strict=True) if place < 0]
    return faults or ([] if places == sorted(places) else ["the closing sections stand in another order"])


@rule
def exercises(page):
    """Three, of three kinds, each with a stub, hints and a check."""
    sources = [cell.source for cell in page.code]
    faults = [] if sorted(page.kinds) == ["computes", "extends", "judges"] else [f"exercises of the kinds {list(page.kinds)}"]
    for number in (1, 2, 3):
        name = f"{page.stem[:2]}.{number}"
        stubs = [c for c in page.code if f"exercise {name}" in c.source]
        tagged = [stub for stub in stubs if "raises-exception" in stub.metadata.get("tags", []) and "raise dh.Unsolved(" in stub.source]
        if len(stubs) != 1 or not tagged:
            faults.append(f"exercise {name} has no stub that raises dh.Unsolved under the tag raises-exception")
            continue
        answer = re.search(r"def (\w+)\(", stubs[0].source)[1]
        if not any(re.search(rf"dh\.check\([^)]*\b{answer}\)", source) for source in sources):
            faults.append(f"exercise {name} is not checked")
    hints = sum(len(re.findall(r"dh\.hints\(", source)) for source in sources)
    return faults + ([] if hints >= 3 else [f"{hints} of 3 exercises have hints"])


@rule
def errors(page):
    """A stored error is an unsolved stub's, and each of those is stored."""
    faults = []
    for cell in page.code:
        raised = [output.ename for output in cell.outputs if output.output_type == "error"]
        if raised != (["Unsolved"] if "raises-exception" in cell.metadata.get("tags", []) else []):
            faults.append(f"{raised or 'nothing'} is raised by {cell.source[:60]!r}")
    return faults


@rule
def papers(page):
    calls = [call for cell in page.code for call in re.findall(r"dh\.reading\((.*?)\)", cell.source, re.DOTALL)]
    keys = [key for call in calls for key in re.findall(r"\"([^\"]+)\"", call)]
    return [f"no paper has the key {key!r}" for key in keys if key not in page.papers] + ([] if keys else ["no paper is listed by dh.reading"])


def faults_of(page) -> dict[str, list[str]]:
    """{rule: faults} of the rules that a page breaks."""
    return {name: found for name, function in RULES.items() if (found := function(page))}


def _html(cell):
    return [output.data["text/html"] for output in cell.outputs if "text/html" in output.get("data", {})]


def _prose(text, formula="formula"):
    """Text without headings, code, tables, pictures and link targets; each formula as one word."""
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    text = re.sub(r"\$\$.*?\$\$|\$[^$\n]+\$", formula, text, flags=re.DOTALL)
    text = re.sub(r"`[^`\n]*`", "code", text)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith(("#", "|")))


def _tables(html):
    """(rows of the body, columns) of each table."""
    counter = _Counter()
    counter.feed(html)
    return counter.found


class _Counter(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found, self.rows, self.columns, self.widest = [], 0, 0, 0

    def handle_starttag(self, tag, attrs):
        if tag == "table":
            self.rows = self.widest = self.columns = 0
        elif tag == "tr":
            self.columns = 0
        elif tag == "td":
            self.columns += 1
            self.widest = max(self.widest, self.columns)
            self.rows += self.columns == 1

    def handle_endtag(self, tag):
        if tag == "table":
            self.found.append((self.rows, self.widest))
