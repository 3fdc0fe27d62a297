"""Counts of the structure: size, arrows of imports, and what three walks pass through."""
