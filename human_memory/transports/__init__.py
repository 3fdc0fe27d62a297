"""How calls reach the memory: over HTTP, or over the bus."""
