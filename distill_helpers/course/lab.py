"""JupyterLab as the course wants it: python -m distill_helpers.course.lab [--install | notebook ...]

Its own kernel, the table of contents beside the notebook, no news and no look for updates. All of it lies in the environment
that runs this (share/jupyter), so that other JupyterLabs of the same user stay as they are.
"""

import json
import os
import sys
from pathlib import Path

from distill_helpers.course import kernel
from distill_helpers.course.paths import repository

SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
}
CONTENTS = "@jupyterlab/toc:plugin"
SIDEBAR = {"collapsed": False, "visible": True, "current": CONTENTS, "widgets": ["filebrowser", "running-sessions", CONTENTS]}
WORKSPACE = {
    "data": {"layout-restorer:data": {"main": {"dock": None}, "left": SIDEBAR, "relativeSizes": [0.22, 0.78, 0]}},
    "metadata": {"id": "default"},
}  # fmt: skip


def share() -> Path:
    """Where this environment keeps what Jupyter reads."""
    return Path(sys.prefix) / "share" / "jupyter"


def layouts() -> Path:
    """Where the course's JupyterLab keeps how its windows lie."""
    return share() / "lab" / "workspaces"


def install(layouts_in: Path | None = None) -> None:
    """Write the kernel, the settings and, unless there is one, the first layout. Doing it again changes nothing."""
    from jupyterlab_server.workspaces_handler import WorkspacesManager

    for path, content in ((share() / "kernels" / kernel.NAME / "kernel.json", kernel.SPECIFICATION),
                          (share() / "lab" / "settings" / "overrides.json", SETTINGS)):  # fmt: skip
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    folder = layouts_in or layouts()
    if not any(folder.glob("default*")):
        folder.mkdir(parents=True, exist_ok=True)
        WorkspacesManager(str(folder)).save("default", json.dumps(WORKSPACE))


def trust(folder: Path) -> None:
    """Sign the notebooks in a folder, so that JupyterLab shows their stored widgets before anything is run."""
    import nbformat
    from nbformat.sign import NotebookNotary

    notary = NotebookNotary()
    for path in sorted(folder.glob("*.ipynb")):
        notary.sign(nbformat.read(path, as_version=4))


def arguments(notebooks, layouts_in: Path | None = None, port: int = 8888, retries: int = 50) -> list[str]:
    """The command line of JupyterLab. It answers to this machine only; the superuser of a container may start it."""
    superuser = hasattr(os, "geteuid") and os.geteuid() == 0
    return [*notebooks, "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", f"--ServerApp.port_retries={retries}",
            f"--LabApp.workspaces_dir={layouts_in or layouts()}", *(["--allow-root"] if superuser else [])]  # fmt: skip


def main(given=None) -> None:
    """Install, then open the notebooks named, or notebook 00."""
    given = sys.argv[1:] if given is None else given
    install()
    if given == ["--install"]:
        return
    from jupyterlab.labapp import LabApp

    first = repository() / "notebooks" / "00_start_here.ipynb"
    trust(first.parent)
    LabApp.launch_instance(argv=arguments(given or [os.path.relpath(first)]))


if __name__ == "__main__":
    main()
