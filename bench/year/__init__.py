"""A year in the life of a memory, on a virtual clock: `make simulate-year`."""
