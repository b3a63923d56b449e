import collections
import contextlib
import os

# small arrays gain nothing from threads, and lose much where several runs share the cores; programs
# and kernels that tests start are told so, too
os.environ.setdefault("OMP_NUM_THREADS", "1")

import matplotlib
import pytest
from hypothesis import settings

matplotlib.use("agg")

with contextlib.suppress(ImportError):
    import torch

    torch.set_num_threads(1)

# shared machines stall now and then; that is no property of the code
settings.register_profile("emdviz", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("emdviz")


_SECONDS = {"notebook": 20, "browser": 4, "slow": 4}
"""What a test with such a mark takes, roughly."""


def pytest_collection_modifyitems(items):
    """Put files that take long first: begun at the end, one leaves the other cores idle."""
    seconds = collections.Counter()
    for item in items:
        marks = (_SECONDS.get(mark.name, 0.05) for mark in item.iter_markers())
        seconds[item.path] += max(marks, default=0.05)
    items.sort(key=lambda item: -seconds[item.path])


@pytest.fixture(scope="session")
def browser():
    """One Chromium for all tests of a process, where Playwright cannot be started twice."""
    from devtools.lab import NO_CHROMIUM, chromium, find_chromium

    if find_chromium() is None:
        required = os.environ.get("EMDVIZ_REQUIRE_BROWSER") == "1"
        (pytest.fail if required else pytest.skip)(NO_CHROMIUM)
    with chromium() as running:
        yield running


@pytest.fixture(autouse=True)
def close_figures():
    with matplotlib.rc_context():  # a style that a test chooses ends with it
        yield
    import matplotlib.pyplot as plt

    plt.close("all")
