"""Keeps memory with the program between two steps of training.

Imports nothing but the standard library.
"""

import ctypes
import os
from functools import cache

KEPT = 2**28
"""Most unused bytes that a program keeps at the end of its memory."""

LARGEST = 2**25
"""Bytes of the largest piece that is kept, the most that glibc allows."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # as in glibc's malloc.h


@cache
def keep_memory():
    """Let glibc keep memory for the next step; return whether it does.

    By default it hands most of what a step of training frees back to the system, which then fills
    the same pages with zeros for the next step: a fifth of the time of a small network. Settings
    of the user's in the environment stay as they are, as do other C libraries.
    """
    if {"MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"} & set(os.environ):
        return False
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):  # TypeError: on Windows
        return False
    return bool(set_option(_MMAP_THRESHOLD, LARGEST) and set_option(_TRIM_THRESHOLD, KEPT))
