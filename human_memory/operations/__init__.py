"""The HTTP API's meaning, in terms of the bus: what the gateway serves and the client does itself.

Needs no web framework: `requests` says what may be asked, `service` does it.
"""
