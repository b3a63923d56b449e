"""One module for each source of data; its ``__all__`` names the functions that return data sets."""
