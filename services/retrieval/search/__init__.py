"""A search: candidates, features, one ranking, rows."""
