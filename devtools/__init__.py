"""Helpers that tests, fuzz, benchmarks and scripts share; not part of the installed package."""
