"""Side by side with peers: ``make bench`` prints the tables and writes docs/BENCHMARKS.md."""
