"""API keys, known by their hashes, and the rights that each gives."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from human_memory.operations.table import Right
from schemas.errors import Rejected


class ApiKey(BaseModel):
    """A key: the SHA-256 of its secret, its namespaces and its rights.

    The namespace `acme/*` is all that begin with `acme/`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1, max_length=64)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    namespaces: Annotated[list[str], Field(min_length=1)]
    rights: Annotated[list[Right], Field(min_length=1)]

    @property
    def covers_all(self) -> bool:
        """True for a key that opens every namespace."""
        return "*" in self.namespaces

    def covers(self, namespace: str) -> bool:
        """True where the key opens the namespace."""
        return any(fnmatchcase(namespace, pattern) for pattern in self.namespaces)


_KEYS = TypeAdapter(list[ApiKey])


@dataclass(frozen=True)
class Access:
    """The keys there are; None: access is not controlled."""

    keys: tuple[ApiKey, ...] | None

    @classmethod
    def of_file(cls, path: Path | None) -> "Access":
        """Read the file once.

        Raises:
            Rejected: it can't be read, or is not a list of keys.
        """
        if path is None:
            return cls(None)
        try:
            return cls(tuple(_KEYS.validate_json(path.read_bytes(), strict=True)))
        except OSError as error:
            raise Rejected(f"api_keys_file: {path}: {error.strerror}") from error
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise Rejected(f"api_keys_file: {path}: {place}: {first['msg']}") from None

    def key_of(self, authorization: str | None) -> ApiKey | None:
        """The key whose secret a header carries, as bearer token or as password of HTTP Basic."""
        sent = hashlib.sha256(_secret(authorization).encode()).hexdigest()
        found = None
        for key in self.keys or ():
            # All keys are compared, each in constant time, so that the duration tells nothing.
            if hmac.compare_digest(key.sha256, sent):
                found = key
        return found


def _secret(authorization: str | None) -> str:
    scheme, _, value = (authorization or "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""
