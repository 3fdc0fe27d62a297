"""The read side in Redis: its layout, and what projection, retrieval and maintenance read of it."""
