"""Ordered image data sets, all of one shape; ``load`` finds one by name."""
