"""The operations of the API, in terms of the bus: for the gateway and for `kafka://`.

Each is a function from a request model and a context to a response model; `table` lists them.
"""
