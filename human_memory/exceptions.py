"""The client's errors. It raises nothing else but `TypeError` for a call that is none.

HumanMemoryError          any failure; `status_code` is HTTP's, None where there was no answer
  MemoryNotFound          404  no such memory or concept, or it is not visible
  ServiceUnavailable      503  the server, or a part that it needs, does not answer
  ValidationError         422  a value is out of bounds; the text names the field
"""


class HumanMemoryError(Exception):
    """Base exception for all errors of the client."""

    def __init__(self, message: str, status_code: int | None = None) -> None:
        super().__init__(message)
        self.status_code = status_code


class MemoryNotFound(HumanMemoryError):
    """Raised when a memory or concept is not found (404)."""

    def __init__(self, resource_id: str) -> None:
        super().__init__(f"Not found: {resource_id}", status_code=404)


class ServiceUnavailable(HumanMemoryError):
    """Raised when a backend service is unavailable (503)."""

    def __init__(self, service: str = "unknown") -> None:
        super().__init__(f"Service unavailable: {service}", status_code=503)


class ValidationError(HumanMemoryError):
    """Raised when request validation fails (422)."""

    def __init__(self, detail: str) -> None:
        super().__init__(f"Validation error: {detail}", status_code=422)
