"""The jobs of maintenance."""
