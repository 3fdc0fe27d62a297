"""The HTTP gateway: a stateless client of the bus."""
