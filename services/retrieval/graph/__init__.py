"""The graph of concepts: kept copies of it, and queries on it."""
