"""What a machine may lack, torch or POSIX; tests that need it are skipped there."""

import os

import pytest

posix = pytest.mark.skipif(os.name != "posix", reason="needs what Linux and macOS have: signals")


class _SkippingModule:
    def __getattr__(self, name):
        if name.startswith("__"):  # pytest looks for these while it collects
            raise AttributeError(name)
        pytest.skip("torch is not installed")


try:
    import torch
except ImportError:
    torch = _SkippingModule()
