"""One truth about dependencies in three files, a set-up that names no machine, and a browser where one is to be had."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from distill_helpers.course import browser
from distill_helpers.course.paths import repository

ROOT = repository()
CONDA_NAMES = {"pytorch": "torch", "playwright-python": "playwright", "pysoundfile": "soundfile"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
DIRECT = {canonicalize_name(r.name): r for r in map(Requirement, PROJECT["dependencies"] + EXTRAS["course"] + EXTRAS["test"])}
LOCK = [Requirement(line) for line in (ROOT / "requirements.txt").read_text().splitlines() if line and not line.startswith("#")]


def conda():
    found = {}
    for name, version in re.findall(r"^ +- ([a-z0-9._-]+)(>=[\d.]+)$", (ROOT / "environment.yml").read_text(), re.M):
        found[canonicalize_name(CONDA_NAMES.get(name, name))] = version
    return found


def test_every_line_of_the_lock_is_pinned():
    assert len(LOCK) > 80
    for requirement in LOCK:
        assert [s.operator for s in requirement.specifier] == ["=="] and not requirement.url, requirement


def test_the_lock_satisfies_every_range():
    pinned = {canonicalize_name(r.name): next(iter(r.specifier)).version for r in LOCK}
    for name, requirement in DIRECT.items():
        assert pinned[name] in requirement.specifier, name
    assert (pinned["torch"], pinned["torchvision"]) == ("2.14.1", "0.29.1")


def test_the_package_needs_three_others():
    assert [canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]] == ["torch", "numpy", "safetensors"]
    assert set(EXTRAS) == {"course", "fast", "tensorboard", "slurm", "test"}


BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError("blocked: " + name, name=name)

sys.meta_path.insert(0, Blocked())
import distill_helpers
for room in {rooms!r}:
    getattr(distill_helpers, room)
    __import__("distill_helpers." + room)
for name in distill_helpers.__all__:
    if distill_helpers._HOME.get(name) in {rooms!r}:
        getattr(distill_helpers, name)
print("imported")
"""


def test_the_rooms_are_imported_without_the_courses_packages():
    torchs_own = {"jinja2", "setuptools", "networkx", "sympy"}
    modules = {"jupyter-client": "jupyter_client", "espeakng-loader": "espeakng_loader"}
    blocked = {modules.get(n, n) for group in ("course", "tensorboard", "slurm", "test") for n in (Requirement(r).name for r in EXTRAS[group])}
    blocked = (blocked | {"IPython", "PIL", "traitlets"}) - torchs_own
    assert {"scipy", "pandas", "psutil", "tqdm", "matplotlib", "torchvision", "jupytext", "submitit", "tensorboard"} <= blocked
    code = BLOCKED.format(blocked=blocked, rooms=("data", "models", "counting", "strategies", "measure", "training"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "imported\n", done.stderr[-1500:]


def test_platform_packages_carry_markers():
    for requirement in LOCK:
        if requirement.name.startswith("nvidia-") or requirement.name in ("triton", "pywinpty", "appnope", "colorama"):
            assert requirement.marker is not None, requirement
            assert not requirement.marker.evaluate({"sys_platform": "darwin", "os_name": "posix", "platform_machine": "arm64"}) or (
                requirement.name == "appnope"
            )


def test_conda_names_the_same_dependencies():
    listed = conda()
    assert listed.pop("python") == PROJECT["requires-python"]
    assert listed == {name: str(r.specifier) for name, r in DIRECT.items()}


def test_no_registry_and_no_machine_is_named():
    for name in ("requirements.txt", "environment.yml", "pyproject.toml", "Makefile", ".ci/run"):
        text = (ROOT / name).read_text()
        assert not re.search(r"https?://|--index|--find-links|file:", text), name
        assert not re.search(r"(?<![\w.])/(?:home|root|tmp|work|opt)/", text), name


def test_bundled_data_travel_with_the_package():
    assert "data/bundled/*" in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["distill_helpers"]
    assert {p.name for p in (ROOT / "distill_helpers/data/bundled").iterdir()} >= {"mnist5k.npz", "NOTICE.md"}


def test_make_lists_only_targets_that_exist():
    text = (ROOT / "Makefile").read_text()
    for target in ("setup", "lab", "test", "test-fast", "course", "record", "recertify", "sync", "help"):
        assert re.search(rf"^{target}:.*## ", text, re.M), target


# make as a reader calls it, also where the tests themselves run under make
PLAIN = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS")) and name not in ("UV", "PYTHON", "VENV")}


def dry_run(target, *variables):
    """What make would do in this checkout, as if nothing were set up."""
    done = subprocess.run(["make", "-n", target, "VENV=not-there", *variables], cwd=ROOT, env=PLAIN, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_make_sets_up_by_uv_where_it_is_and_by_pip_else():
    by_uv, by_pip = dry_run("setup", "UV=/some/uv"), dry_run("setup", "UV=")
    assert '"/some/uv" pip install' in by_uv and "-m pip install" in by_uv  # the second for when the first fails
    assert by_pip.startswith('if test -n ""') and "-r requirements.txt" in by_pip
    for text in (by_uv, by_pip):
        assert "not-there/bin/python -m distill_helpers.course.lab --install" in text


def test_the_set_up_goes_on_with_pip_when_uv_fails_and_says_what_lacks(tmp_path):
    """A uv that always fails, and a Python that has no venv: a clear line, and not a traceback."""
    for name, text in {"uv": "exit 1", "python3": 'case "$1" in -c) exit 0;; *) exit 1;; esac'}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    for name in ("Makefile", "requirements.txt", "pyproject.toml"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    for name in ("lab.py", "kernel.py"):
        (tmp_path / "distill_helpers/course").mkdir(parents=True, exist_ok=True)
        (tmp_path / "distill_helpers/course" / name).touch()
    command = ["make", "setup", f"UV={tmp_path / 'uv'}", f"PYTHON={tmp_path / 'python3'}"]
    done = subprocess.run(command, cwd=tmp_path, env=PLAIN, capture_output=True, text=True)
    said = done.stdout + done.stderr
    assert done.returncode != 0 and "uv could not set it up; going on with pip" in said
    assert "has no venv; on Debian and Ubuntu: apt-get install python3-venv" in said
    assert not list(tmp_path.glob(".venv/.ready*"))


def test_a_moved_checkout_sets_up_again(tmp_path):
    text = (ROOT / "Makefile").read_text()
    stamps = []
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "Makefile").write_text(text + "\nstamp:\n\t@echo $(STAMP)\n")
        stamps.append(subprocess.run(["make", "stamp"], cwd=tmp_path / place, env=PLAIN, capture_output=True, text=True).stdout)
    assert stamps[0] != stamps[1] and all(re.fullmatch(r"\.venv/\.ready-\d+\n", stamp) for stamp in stamps)


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A made-up machine: what is on its path, what installing gives, and the commands that were run."""

    class Machine:
        working, gives, commands, root = set(), {}, [], False

        def run(self, command):
            self.commands.append(" ".join(command).replace(sys.executable, "python"))
            key = next((k for k in self.gives if k in self.commands[-1]), None)
            if key is None:
                return "no network"
            self.working |= self.gives[key]
            return ""

    made = Machine()
    made.working, made.gives, made.commands = set(), {}, []
    monkeypatch.delenv("DISTILL_BROWSER", raising=False)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(browser.shutil, "which", lambda name: f"/bin/{name}" if name in made.working or (name == "apt-get" and made.root) else None)
    monkeypatch.setattr(browser, "starts", lambda path: Path(path).name in made.working)
    monkeypatch.setattr(browser, "APPLICATIONS", ())
    monkeypatch.setattr(browser, "playwrights_own", lambda: "/own/playwrights" if "playwrights" in made.working else None)
    monkeypatch.setattr(browser, "superuser", lambda: made.root)
    monkeypatch.setattr(browser, "run", made.run)
    return made


def test_a_browser_that_is_there_is_taken(machine, capsys):
    machine.working = {"google-chrome"}
    assert browser.main() == 0 and machine.commands == []
    assert capsys.readouterr().out == "Browser tests: /bin/google-chrome\n"


def test_playwright_installs_one_where_it_is_reachable(machine, capsys):
    machine.gives = {"playwright install chromium": {"playwrights"}}
    assert browser.main() == 0 and machine.commands == ["python -m playwright install chromium"]
    assert "Browser tests: /own/playwrights" in capsys.readouterr().out


def test_playwrights_browser_gets_its_libraries_from_the_system_as_root(machine):
    machine.root, machine.gives = True, {"playwright install chromium": set(), "install-deps": {"playwrights"}}
    assert browser.install(lambda _: None) == ("/own/playwrights", "")


def test_apt_installs_one_as_root(machine):
    machine.root, machine.gives = True, {"apt-get update": set(), "apt-get install": {"chromium"}}
    assert browser.install(lambda _: None) == ("/bin/chromium", "")
    assert machine.commands == ["python -m playwright install chromium", "apt-get update -qq", "apt-get install -y -qq chromium"]


@pytest.mark.parametrize("root", [False, True])
def test_without_one_a_line_says_what_is_left_out_and_in_ci_it_is_an_error(machine, capsys, monkeypatch, root):
    machine.root = root
    machine.gives = {"apt-get": set()} if root else {}  # a package that is a stub: it installs, and does not start
    assert browser.main() == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "left out" in line]
    assert "tests/notebooks/test_browser.py" in line and "apt-get install chromium" in line and "playwright install: no network" in line
    assert ("what it installed does not start" in line) == root and ("needs root" in line) != root
    monkeypatch.setenv("CI", "true")
    assert browser.main() == 1


def test_the_environment_names_a_browser_or_none(machine, monkeypatch):
    machine.working = {"chromium", "mine"}
    for given, path in (("/opt/mine", "/opt/mine"), ("none", None), ("/opt/broken", None)):
        monkeypatch.setenv("DISTILL_BROWSER", given)
        assert browser.find() == path and browser.install(lambda _: None)[0] == path and machine.commands == []


def test_a_program_starts_or_does_not(tmp_path):
    programs = (("good", "echo Chromium 140.0", True), ("stub", "echo install the snap >&2; exit 1", False), ("other", "echo Firefox", False))
    for name, text, right in programs:
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
        assert browser.starts(str(tmp_path / name)) is right
    assert not browser.starts(str(tmp_path / "missing"))


def test_a_command_that_fails_says_why_in_a_line():
    assert browser.run([sys.executable, "-c", "pass"]) == ""
    assert browser.run([sys.executable, "-c", "raise SystemExit('Error: no route')"]) == "Error: no route"
    assert browser.run(["a-program-that-is-not-there"]) == "not there"
    assert browser.run([sys.executable, "-c", "import os; raise SystemExit(os.environ['DEBIAN_FRONTEND'] != 'noninteractive')"]) == ""
