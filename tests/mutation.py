"""Planted faults: checks that take a module, run on it as it is and on copies with one fault in their source.

A test file keeps one ``of = Checks()``, marks its checks with ``@of("dkd")``, and runs them twice: with ``of.each`` on the real
modules, where all must be green, and with ``of.planted(FAULTS)`` on broken copies, where at least one of the module's checks must
go red.
"""

import importlib
import inspect
import pkgutil
import types
from collections import defaultdict

import pytest

from distill_helpers.checks import InputError

RED = (AssertionError, RuntimeError, InputError, KeyError)


def with_fault(module, old, new):
    """A copy of the module of this full name, with ``new`` in place of ``old`` in its source."""
    source = inspect.getsource(importlib.import_module(module))
    assert source.count(old) == 1, f"{old!r} must stand in the source once"
    broken = types.ModuleType(module)
    exec(compile(source.replace(old, new), f"{module} with a fault", "exec"), broken.__dict__)
    return broken


def gone_red(checks, module, red=RED):
    """The names of the checks that fail on this module. An exception that is not in ``red`` is not a check's verdict and gets through."""
    names = []
    for check in checks:
        try:
            check(module)
        except red:
            names.append(check.__name__)
    return names


class Checks:
    """The checks of one test file by module: ``@of("dkd")`` marks a check of the file ``dkd.py`` in whichever room of ``package`` it lies.

    ``red``: what a red check raises.
    """

    def __init__(self, package="distill_helpers.strategies", red=RED):
        self.package, self.red, self.checks = package, red, defaultdict(list)

    def __call__(self, name):
        def keep(check):
            self.checks[name].append(check)
            return check

        return keep

    @property
    def each(self):
        """Runs a test once for each check that has been marked so far."""
        found = [pytest.param(name, check, id=f"{name}: {check.__name__}") for name, checks in self.checks.items() for check in checks]
        return pytest.mark.parametrize(("name", "check"), found)

    def planted(self, faults):
        """Runs a test once for each fault: (module, what is wrong, the source as it is, the source with the fault)."""
        found = [pytest.param(name, old, new, id=f"{name}: {what}") for name, what, old, new in faults]
        return pytest.mark.parametrize(("name", "old", "new"), found)

    def original(self, name):
        return importlib.import_module(self.full(name))

    def full(self, name):
        """The whole name of the one module of this name in the package and its rooms."""
        package = importlib.import_module(self.package)
        found = [m.name for m in pkgutil.walk_packages(package.__path__, f"{self.package}.") if not m.ispkg]
        (there,) = [module for module in found if module.rpartition(".")[2] == name]
        return there

    def gone_red(self, name, old, new):
        """The names of the module's checks that the fault turns red."""
        return gone_red(self.checks[name], with_fault(self.full(name), old, new), self.red)
