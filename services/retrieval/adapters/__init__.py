"""Redis behind the ports."""
