"""What belongs to the extra [course] is asked for by name when it is not installed."""

import subprocess
import sys

import pytest

from distill_helpers.checks import InputError, needed

WITHOUT = """
import sys
sys.modules.update(dict.fromkeys(["scipy", "scipy.special", "pandas", "matplotlib", "matplotlib.pyplot", "torchvision", "torchvision.datasets"]))
import distill_helpers as dh
from distill_helpers.data import load_digits
from distill_helpers.measure import interval
for call in (lambda: interval([1.0, 2.0, 4.0]), lambda: dh.figure, lambda: load_digits(full=True)):
    try:
        call()
    except ValueError as error:
        print(error)
"""


def test_what_lacks_is_named_with_its_extra():
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True)
    assert done.stdout.splitlines() == [
        f"this needs the package {name}: pip install 'distill-helpers[course]'." for name in ("scipy", "matplotlib", "torchvision")
    ], done.stderr


def test_an_error_inside_a_package_stays_its_own(tmp_path, monkeypatch):
    (tmp_path / "broken_inside.py").write_text("import a_module_that_is_not_there")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="a_module_that_is_not_there"):
        needed("broken_inside")
    with pytest.raises(InputError, match=r"needs the package not_there_either: pip install 'distill-helpers\[slurm\]'"):
        needed("not_there_either", "slurm")
    assert needed("json").dumps([1]) == "[1]"
