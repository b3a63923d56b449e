"""torch where it is installed; where it is not, tests that use it are skipped."""

import pytest


class _SkippingModule:
    def __getattr__(self, name):
        if name.startswith("__"):  # pytest looks for these while it collects
            raise AttributeError(name)
        pytest.skip("torch is not installed")


try:
    import torch
except ImportError:
    torch = _SkippingModule()
