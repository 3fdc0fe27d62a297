"""The services: each a FastStream app; none imports another."""
