"""Comparisons with other libraries: ``make bench`` prints the tables, writes docs/BENCHMARKS.md."""
