"""Where the course reads and writes. Environment variables move the places, so that tests and readers never mix theirs."""

import os
import tempfile
from pathlib import Path

import distill_helpers
from distill_helpers.checks import InputError


def repository() -> Path | None:
    """The checkout that this package runs from, or None when it was installed without one."""
    root = Path(distill_helpers.__file__).resolve().parent.parent
    return root if (root / "notebooks" / "src").is_dir() else None


def cache_dir() -> Path:
    """DISTILL_CACHE, or .cache in the checkout, or a folder in the user's home; for a read-only checkout and home, a temporary one.

    Raises InputError when DISTILL_CACHE names a place that cannot be written.
    """
    if os.environ.get("DISTILL_CACHE"):
        return _from_environment("DISTILL_CACHE")
    for path in _cache_places():
        if not _problem(path):
            return path
    return Path(tempfile.mkdtemp(prefix="distill_helpers-"))


def results_dir() -> Path:
    """Where verdicts of this run go: DISTILL_RESULTS, or the cache, so that trying things never changes committed files.

    Raises InputError when the environment names a place that cannot be written.
    """
    if os.environ.get("DISTILL_RESULTS"):
        return _from_environment("DISTILL_RESULTS")
    path = cache_dir() / "results"
    path.mkdir(parents=True, exist_ok=True)
    return path


def data_dir() -> Path:
    """Where public data sets lie: DISTILL_DATA, or a folder in the cache. Raises InputError as the others do."""
    if os.environ.get("DISTILL_DATA"):
        return _from_environment("DISTILL_DATA")
    path = cache_dir() / "data"
    path.mkdir(parents=True, exist_ok=True)
    return path


def read_only_checkout() -> bool:
    """Whether the checkout cannot hold its own cache."""
    root = repository()
    return root is not None and not os.access(root / ".cache" if (root / ".cache").exists() else root, os.W_OK | os.X_OK)


def _cache_places() -> list[Path]:
    root = repository()
    return [*([root / ".cache"] if root else []), Path.home() / ".cache" / "distill_helpers"]


def _from_environment(name: str) -> Path:
    path = Path(os.environ[name])
    problem = _problem(path)
    if problem:
        raise InputError(f"{name} must be a folder that you may write to, but {str(path)!r} was given ({problem}).")
    return path


def _problem(path: Path) -> str:
    """Why nothing can be written into the folder, after trying to make it, or an empty string."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return error.strerror or str(error)
    return "" if os.access(path, os.W_OK | os.X_OK) else "it may not be written to"


def committed_results() -> Path:
    """The results that the course publishes."""
    root = repository()
    if root is None:
        raise FileNotFoundError("the published results are part of the course's checkout, and this package runs without one")
    return root / "results"


def unattended() -> bool:
    """True when nobody watches: tests, `make sync`, `make course`."""
    return bool(os.environ.get("DISTILL_UNATTENDED"))
