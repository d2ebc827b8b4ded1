"""One truth about dependencies in three files, and a set-up that names no machine."""

import re
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from distill_helpers.course.paths import repository

ROOT = repository()
CONDA_NAMES = {"pytorch": "torch", "playwright-python": "playwright"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DIRECT = {canonicalize_name(r.name): r for r in map(Requirement, PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"])}
LOCK = [Requirement(line) for line in (ROOT / "requirements.txt").read_text().splitlines() if line and not line.startswith("#")]


def conda():
    found = {}
    for name, version in re.findall(r"^  - ([a-z0-9.-]+)(>=[\d.]+)$", (ROOT / "environment.yml").read_text(), re.M):
        found[CONDA_NAMES.get(name, name)] = version
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
    for target in ("setup", "lab", "test", "test-fast", "course", "record", "sync", "help"):
        assert re.search(rf"^{target}:.*## ", text, re.M), target
