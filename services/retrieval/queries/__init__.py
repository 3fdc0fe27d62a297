"""Queries about one memory, a namespace as a whole, and runs of maintenance."""
