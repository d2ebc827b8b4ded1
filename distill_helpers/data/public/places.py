"""Where public data lie, what is said when they do not, and whether a file is the one that its authors published."""

import os
from pathlib import Path

from distill_helpers.checks import InputError, needed


def data_root(root=None) -> Path:
    """The folder of the public data sets: ``root``, or what DISTILL_DATA names, or "data" in the current folder."""
    return Path(root if root is not None else os.environ.get("DISTILL_DATA") or "data").expanduser()


def found(folder: Path, names: tuple[str, ...], what: str, how: str) -> Path:
    """The first of ``names`` that lies in ``folder``. Raises InputError, which says what was looked for, where, and how to get it."""
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise InputError(f"{what} needs {' or '.join(map(repr, names))} in {str(folder)!r}, but it is not there; {how}.")


def verified(path: Path, md5: str, what: str) -> Path:
    """The path, once its MD5 is that of the published file. Raises InputError for another one."""
    if not needed("torchvision.datasets.utils").check_integrity(str(path), md5):
        raise InputError(f"{path} is not the file that was published for {what} (its MD5 differs): it is damaged, or another one. Get it again, "
                         f"or give verify=False to read a set of your own in this format.")  # fmt: skip
    return path


def downloaded(make, what: str, root: Path) -> None:
    """Have torchvision download a data set. Raises InputError where it cannot."""
    try:
        make()
    except (RuntimeError, OSError, AssertionError, ValueError, EOFError) as error:
        raise InputError(f"{what} could not be downloaded into {str(root)!r}: {error}") from error
