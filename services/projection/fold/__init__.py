"""The fold: (view, event) to view. Pure: no clock, no chance, no files, no network."""
