import atexit
import collections
import gc
import json
import os
import sys

# small arrays gain nothing from threads, and lose much where several runs share the cores; programs
# and kernels that tests start are told so, too
os.environ.setdefault("OMP_NUM_THREADS", "1")

import matplotlib
import pytest
from hypothesis import settings

matplotlib.use("agg")

# if it is there, jsonschema builds 38 grammars of addresses from it in seconds; notebooks need none
sys.modules.setdefault("rfc3987_syntax", None)

# shared machines stall now and then; that is no property of the code
settings.register_profile("emdviz", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("quick", settings.get_profile("emdviz"), max_examples=10)
settings.load_profile("emdviz")


_SECONDS = {"notebook": 20, "browser": 4, "slow": 4}
"""What a test with such a mark takes, roughly."""


@pytest.hookimpl(trylast=True)  # after tests were left out by their marks
def pytest_collection_modifyitems(items):
    """Put files that take long first: begun at the end, one leaves the other cores idle."""
    seconds = collections.Counter()
    for item in items:
        marks = (_SECONDS.get(mark.name, 0.05) for mark in item.iter_markers())
        seconds[item.path] += max(marks, default=0.05)
    items.sort(key=lambda item: -seconds[item.path])


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Collect without looking for garbage: it takes seconds, and what is collected lasts."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
        atexit.register(gc.unfreeze)
        if torch := sys.modules.get("torch"):  # not where tests are only handed out
            torch.set_num_threads(1)


@pytest.fixture(scope="session")
def browser():
    """One Chromium for all tests of a process, where Playwright cannot be started twice."""
    from devtools.lab import NO_CHROMIUM, chromium, find_chromium

    if find_chromium() is None:
        required = os.environ.get("EMDVIZ_REQUIRE_BROWSER") == "1"
        (pytest.fail if required else pytest.skip)(NO_CHROMIUM)
    with chromium() as running:
        yield running


@pytest.fixture
def matlab_in_this_process(monkeypatch):
    """Read MATLAB files here; tests/test_matlab.py reads them in a process of their own."""
    from emdviz.datasets.readers import label_files, matlab

    def read(content, names):
        try:
            plain = matlab._read(content, names)
        except Exception as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error
        return {k: matlab._restored(v) for k, v in json.loads(json.dumps(plain)).items()}

    monkeypatch.setattr(label_files, "read_matlab", read)


@pytest.fixture(autouse=True)
def close_figures():
    with matplotlib.rc_context():  # a style that a test chooses ends with it
        yield
    import matplotlib.pyplot as plt

    plt.close("all")
