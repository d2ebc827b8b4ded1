"""From source to notebook: notebooks/src/NN_name.py is the truth, notebooks/NN_name.ipynb is what executing it gives."""

import hashlib
import re
import uuid
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

from distill_helpers.course.kernel import KERNELSPEC, LANGUAGE
from distill_helpers.course.paths import repository
from distill_helpers.course.speed import patience

TIMEOUT = 600  # seconds for one cell on an idle machine
KEPT_METADATA = {"tags"}


def notebooks_dir() -> Path:
    """The folder of the notebooks."""
    return repository() / "notebooks"


def sources(numbers=()) -> list[Path]:
    """The sources of the notebooks with these numbers, or all, in order. Raises SystemExit for a number that is not there."""
    found = sorted((notebooks_dir() / "src").glob("[0-9][0-9]_*.py"))
    missing = set(numbers) - {path.name[:2] for path in found}
    if missing:
        raise SystemExit(f"no notebook has the number {', '.join(sorted(missing))}; there are {', '.join(p.name[:2] for p in found)}")
    return [path for path in found if not numbers or path.name[:2] in numbers]


def target(source: Path) -> Path:
    """The notebook that belongs to a source."""
    return notebooks_dir() / f"{source.stem}.ipynb"


def from_source(source: Path):
    """The notebook of a source, not executed, with cell ids that depend only on its name and the cell's place."""
    notebook = jupytext.read(source, fmt="py:percent")
    for number, cell in enumerate(notebook.cells):
        cell.id = hashlib.blake2b(f"{source.stem}/{number}".encode(), digest_size=6).hexdigest()
        cell.metadata = {k: v for k, v in cell.metadata.items() if k in KEPT_METADATA}
    notebook.metadata = nbformat.from_dict({
        "jupytext": {"formats": "ipynb,src//py:percent"}, "kernelspec": KERNELSPEC, "language_info": LANGUAGE,
    })  # fmt: skip
    return notebook


def execute(notebook, folder: Path | None = None):
    """Run a notebook in place, in the notebooks' folder or another, by the Python that runs this. Widgets' states are stored in it."""
    NotebookClient(notebook, timeout=int(patience(TIMEOUT)), kernel_name="python3", record_timing=False, store_widget_state=True,
                   resources={"metadata": {"path": str(folder or notebooks_dir())}}).execute()  # fmt: skip
    return notebook


def sync(source: Path) -> Path:
    """Execute a source and write its notebook; nothing is written when a cell fails."""
    path = target(source)
    path.write_text(made(source) + "\n", encoding="utf-8")
    return path


def made(source: Path, folder: Path | None = None) -> str:
    """The text of the notebook that executing a source gives, in the notebooks' folder or another."""
    notebook = from_source(source)
    kept = dict(notebook.metadata)
    execute(notebook, folder)
    widgets = notebook.metadata.get("widgets")
    notebook.metadata = nbformat.from_dict(kept | ({"widgets": widgets} if widgets else {}))
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        _shorten_tracebacks(cell)
    nbformat.validate(notebook)
    return _stable(notebook)


def drifted(source: Path) -> str:
    """Why a notebook does not belong to its source, or an empty string when it does."""
    path = target(source)
    if not path.exists():
        return f"{path.name} is missing"
    ours, theirs = from_source(source), nbformat.read(path, as_version=4)
    if len(ours.cells) != len(theirs.cells):
        return f"{path.name} has {len(theirs.cells)} cells, its source {len(ours.cells)}"
    for number, (a, b) in enumerate(zip(ours.cells, theirs.cells, strict=True)):
        if (a.cell_type, a.source, a.id, a.metadata.get("tags", [])) != (b.cell_type, b.source, b.id, b.metadata.get("tags", [])):
            return f"{path.name} differs from its source in cell {number}"
    if any(ours.metadata[key] != theirs.metadata.get(key) for key in ours.metadata):
        return f"{path.name} has other metadata than its source gives"
    return ""


def _shorten_tracebacks(cell) -> None:
    """Keep the name and message of an intended error; the traceback holds paths of one machine. An unsolved stub's own lines hold none."""
    for output in cell.get("outputs", []):
        if output.output_type == "error" and output.ename != "Unsolved":
            output.traceback = [f"{output.ename}: {output.evalue}"]


def _stable(notebook) -> str:
    """The notebook's text. Widget model ids are random: they are numbered by appearance, first in the cells, then as they were made."""
    text = nbformat.writes(notebook)
    ids = re.findall(r'"model_id": "([0-9a-f]{32})"', text)
    ids += list(notebook.metadata.get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {}).get("state", {}))
    for number, old in enumerate(dict.fromkeys(ids)):
        text = text.replace(old, uuid.UUID(int=number + 1).hex)
    return nbformat.writes(nbformat.reads(text, as_version=4))
