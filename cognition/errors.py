"""Errors of the model."""


class ParameterOutOfRange(ValueError):
    """A parameter of the model has a value for which its equation is not defined."""
