"""Redis behind the projection's ports."""
