"""Shared fixtures, and a guard: no test may reach the network, except over loopback."""

import distill_helpers  # noqa: F401, I001  (before torch: it chooses how threads wait)

import ipaddress
import os
import socket

import pytest
import torch

from distill_helpers.data import ImageSet
from distill_helpers.models import BigMLP
from distill_helpers.training.by_value import described

os.environ.setdefault("DISTILL_UNATTENDED", "1")
pytest.register_assert_rewrite("mutation", "stand_ins")
_connect = socket.socket.connect


def _loopback_only(self, address):
    if self.family in (socket.AF_INET, socket.AF_INET6):
        host = address[0]
        local = host == "localhost" or ipaddress.ip_address(host.split("%")[0]).is_loopback
        if not local:
            raise OSError(f"the tests run without network, but a connection to {host} was tried")
    return _connect(self, address)


def pytest_collection_modifyitems(items):
    """Long files first, so that the last process does not end alone."""
    long = ("test_notebooks_nbval.py", "test_worked_examples.py", "test_browser.py", "test_records_moved.py")
    items.sort(key=lambda item: long.index(item.path.name) if item.path.name in long else len(long))


@pytest.fixture(autouse=True, scope="session")
def no_network():
    socket.socket.connect = _loopback_only
    yield
    socket.socket.connect = _connect


@pytest.fixture
def no_cache(monkeypatch):
    monkeypatch.delenv("DISTILL_CACHE", raising=False)


@pytest.fixture(scope="session")
def toy_images() -> ImageSet:
    """40 images of 8x8 in 5 classes; each class has a bright block of its own, under noise."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(40) % 5
    images = torch.randint(0, 60, (40, 1, 8, 8), generator=generator)
    for i, c in enumerate(labels.tolist()):
        images[i, 0, 1 + c : 3 + c, 2:6] += 150
    return ImageSet(images.to(torch.uint8), labels, 5, "toy")


@pytest.fixture(scope="session")
def toy_teacher() -> BigMLP:
    torch.manual_seed(7)
    return BigMLP(64, 32, 2, 5)


@pytest.fixture(autouse=True)
def shared_things_stay_as_they_are(request):
    """A test that changes what all tests of a session share is itself the one that fails."""
    shared = [request.getfixturevalue(name) for name in ("toy_teacher", "toy_images") if name in request.fixturenames]
    before = [described(thing) for thing in shared]
    yield
    assert [described(thing) for thing in shared] == before, "this test has changed a fixture that others share; give it a copy"
