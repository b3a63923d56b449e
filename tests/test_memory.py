"""Memory that training keeps between its steps."""

import platform
import subprocess
import sys

import pytest

from emdviz import _memory

PROGRAM = """
import resource, sys
import numpy as np
from emdviz._memory import keep_memory

def pages(rounds=20):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(rounds):
        several = [np.ones(2**18) for _ in range(8)]  # 2 MB each
        del several
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / rounds

pages()
before = pages()
done = keep_memory()
pages()
print(before, done, pages())
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is an option of glibc")
def test_memory_that_is_kept_is_not_asked_for_again(monkeypatch):
    monkeypatch.delenv("MALLOC_TRIM_THRESHOLD_", raising=False)
    monkeypatch.delenv("MALLOC_MMAP_THRESHOLD_", raising=False)
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True)
    before, kept, after = done.stdout.split()
    assert kept == b"True"
    assert float(before) > 8 * 2**21 / 2**16  # pages are of 4 kB, 64 kB where they are large
    assert float(after) < float(before) / 20


def test_what_the_environment_says_stays_and_other_libraries_are_left_alone(monkeypatch):
    choose = _memory.keep_memory.__wrapped__
    monkeypatch.setattr(_memory.ctypes, "CDLL", lambda name: object())
    assert choose() is False
    monkeypatch.setattr(_memory.ctypes, "CDLL", lambda name: pytest.fail("it was called"))
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "131072")
    assert choose() is False
