"""Where the course reads and writes. Environment variables move the places, so that tests and readers never mix theirs."""

import os
from pathlib import Path

import distill_helpers


def repository() -> Path | None:
    """The checkout that this package runs from, or None when it was installed without one."""
    root = Path(distill_helpers.__file__).resolve().parent.parent
    return root if (root / "notebooks" / "src").is_dir() else None


def cache_dir() -> Path:
    """DISTILL_CACHE, or .cache in the checkout, or a folder in the user's home."""
    given = os.environ.get("DISTILL_CACHE")
    root = repository()
    path = Path(given) if given else root / ".cache" if root else Path.home() / ".cache" / "distill_helpers"
    path.mkdir(parents=True, exist_ok=True)
    return path


def results_dir() -> Path:
    """Where verdicts of this run go: DISTILL_RESULTS, or the cache, so that trying things never changes committed files."""
    given = os.environ.get("DISTILL_RESULTS")
    path = Path(given) if given else cache_dir() / "results"
    path.mkdir(parents=True, exist_ok=True)
    return path


def committed_results() -> Path:
    """The results that the course publishes."""
    root = repository()
    if root is None:
        raise FileNotFoundError("the published results are part of the course's checkout, and this package runs without one")
    return root / "results"


def unattended() -> bool:
    """True when nobody watches: tests, `make sync`, `make course`."""
    return bool(os.environ.get("DISTILL_UNATTENDED"))
