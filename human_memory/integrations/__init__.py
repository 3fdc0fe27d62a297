"""Adapters to other libraries, each importing its own."""
