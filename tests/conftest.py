import contextlib
import os

import matplotlib
import pytest
from hypothesis import settings

matplotlib.use("agg")

with contextlib.suppress(ImportError):
    import torch

    # small arrays gain nothing from threads, and lose much where several runs share the cores
    torch.set_num_threads(1)

# shared machines stall now and then; that is no property of the code
settings.register_profile("emdviz", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("emdviz")


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
