"""Queries: answers from the read side, and the accesses that they caused."""
