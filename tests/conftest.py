import contextlib

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


@pytest.fixture(autouse=True)
def close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")
