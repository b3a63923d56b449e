"""What tests, fuzz, benchmarks and scripts share; it is not part of the installed package."""
