"""A notebook as one HTML file that asks nothing of the network: python -m distill_helpers.course.export NN [...] [--to FOLDER]

Widgets that ``dh.explore`` stored move by a few lines of script in the page; formulas are MathML, which browsers typeset themselves.
"""

import argparse
import html
import json
import re
import sys
from pathlib import Path

import nbformat

from distill_helpers.checks import InputError, needed
from distill_helpers.course import sync

OPEN, CLOSE = "\ue000", "\ue001"  # around the number of a formula, until nbconvert is done; letters of private use
STATE, VIEW = "application/vnd.jupyter.widget-state+json", "application/vnd.jupyter.widget-view+json"
TEMPLATE = """{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}"""
MOVE = """(box => {
  const controls = [...box.querySelectorAll('[data-control]')], frames = [...box.querySelectorAll('[data-frame]')];
  const show = () => {
    for (const control of controls) {
      const label = JSON.parse(control.dataset.labels)[control.value];
      control.setAttribute('aria-valuetext', label);
      if (control.nextElementSibling) control.nextElementSibling.textContent = label;
    }
    const place = controls.map(control => control.value).join(' ');
    for (const frame of frames) frame.hidden = frame.dataset.frame !== place;
  };
  box.addEventListener('input', show);
  window.addEventListener('pageshow', show);
  show();
})(document.currentScript.parentElement)"""


def export(notebook, title: str = "") -> str:
    """The HTML of a notebook (an nbformat node with outputs). Raises InputError where the package nbconvert or latex2mathml is missing."""
    exporter, loader = needed("nbconvert").HTMLExporter, needed("jinja2").DictLoader
    page, formulas = without_widgets(notebook), []

    def kept(formula):  # nbconvert takes inline HTML apart tag by tag, so a formula is put in when it is done
        formulas.append(formula)
        return f"{OPEN}{len(formulas) - 1}{CLOSE}"

    for cell in page.cells:
        if cell.cell_type == "markdown":
            cell.source = with_mathml(cell.source, kept)
        for output in cell.get("outputs", []):
            if "text/markdown" in output.get("data", {}):
                output.data["text/markdown"] = with_mathml(output.data["text/markdown"], kept)
    page.metadata["title"] = title or _title(page)
    made = exporter(template_file="course.html.j2", extra_loaders=[loader({"course.html.j2": TEMPLATE})], embed_images=True)
    text = made.from_notebook_node(page)[0]
    text = re.sub(r'="[^"<>]*"', lambda attribute: re.sub(f"{OPEN}\\d+{CLOSE}", "", attribute[0]), text)  # anchors of headings
    return re.sub(f"{OPEN}(\\d+){CLOSE}", lambda place: formulas[int(place[1])], text)


def without_widgets(notebook):
    """A copy in which each stored widget is plain HTML: a range or a menu, its frames, and the script that shows one of them.

    Of a widget that only a kernel can draw, the picture at its start remains, with a remark.
    """
    page = nbformat.from_dict(json.loads(json.dumps(notebook)))
    models = page.metadata.pop("widgets", {}).get(STATE, {}).get("state", {})
    for number, cell in enumerate(page.cells):
        for place, output in enumerate(cell.get("outputs", [])):
            view = output.get("data", {}).pop(VIEW, None)
            if view and view["model_id"] in models:
                output.data["text/html"] = _plain(models, view["model_id"], f"move-{number}-{place}")
    return page


def _plain(models: dict, model_id: str, name: str) -> str:
    state = lambda reference: models[reference.removeprefix("IPY_MODEL_")]["state"]
    parts = [state(child) for child in state(model_id).get("children", [])]
    pictures = [part for part in parts[1:] if part.get("_model_name") in ("StackModel", "HTMLModel")]
    if len(parts) < 2 or not pictures:
        return "<p><em>This widget needs a running kernel.</em></p>"
    picture = pictures[0]
    if picture["_model_name"] == "HTMLModel":
        return f"{picture['value']}<p><em>To move it, run the notebook: its pictures are drawn by the kernel.</em></p>"
    controls = [state(child) for child in parts[0]["children"]]
    outer = [state(child) for child in picture["children"]]
    grid = [[frame] for frame in outer] if len(controls) == 1 else [[state(child) for child in row["children"]] for row in outer]
    body = [_control(control, f"{name}-{place}") for place, control in enumerate(controls)]
    start = " ".join(str(control["index"]) for control in controls)
    for row, frames in enumerate(grid):
        for column, frame in enumerate(frames):
            where = str(row) if len(controls) == 1 else f"{row} {column}"
            body.append(f'<div data-frame="{where}"{"" if where == start else " hidden"}>{frame["value"]}</div>')
    return f'<div class="moved" id="{name}">{"".join(body)}<script>{MOVE}</script></div>'


def _control(control: dict, name: str) -> str:
    labels, label = control["_options_labels"], html.escape(control["description"])
    given = f'id="{name}" data-control data-labels="{html.escape(json.dumps(labels, ensure_ascii=False))}"'
    if control["_model_name"] == "DropdownModel":
        options = "".join(f'<option value="{place}"{" selected" if place == control["index"] else ""}>{html.escape(text)}</option>'
                          for place, text in enumerate(labels))  # fmt: skip
        return f'<p><label for="{name}">{label}</label> <select {given}>{options}</select></p>'
    return (f'<p><label for="{name}">{label}</label> <input type="range" min="0" max="{len(labels) - 1}" value="{control["index"]}" {given}>'
            f'<output for="{name}">{html.escape(labels[control["index"]])}</output></p>')  # fmt: skip


def with_mathml(text: str, put=lambda formula: formula) -> str:
    """Markdown whose formulas, $…$ and $$…$$ outside of code, have become ``put`` of their MathML."""
    latex = needed("latex2mathml.converter").convert
    convert = lambda formula, **how: put(latex(formula, **how))
    pieces = re.split(r"(```.*?```|`[^`\n]*`)", text, flags=re.DOTALL)
    for place in range(0, len(pieces), 2):
        pieces[place] = re.sub(r"(?<!\\)\$\$(.+?)\$\$", lambda m: convert(m[1].strip(), display="block"), pieces[place], flags=re.DOTALL)
        pieces[place] = re.sub(r"(?<![\\$\w])\$(?![\s$])([^$\n]+?)(?<![\s\\])\$(?![\w$])", lambda m: convert(m[1]), pieces[place])
    return "".join(pieces)


def _title(page) -> str:
    lines = [line for cell in page.cells if cell.cell_type == "markdown" for line in cell.source.splitlines()]
    return next((line[2:].strip() for line in lines if line.startswith("# ")), "notebook")


def main(arguments=None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="export", description=__doc__.splitlines()[0])
    parser.add_argument("numbers", nargs="*", metavar="NN", help="notebook numbers; all by default")
    parser.add_argument("--to", type=Path, default=Path("html"), metavar="FOLDER")
    given = parser.parse_args(arguments)
    given.to.mkdir(parents=True, exist_ok=True)
    for source in sync.sources(given.numbers):
        path = given.to / f"{source.stem}.html"
        try:
            path.write_text(export(nbformat.read(sync.target(source), as_version=4)), encoding="utf-8")
        except InputError as error:
            print(error)
            return 1
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
