"""The published client's inside: calls as values, and the transports that carry them."""
