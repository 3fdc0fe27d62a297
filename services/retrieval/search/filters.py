"""What a search may find: the same rule for the index and for what did not come from it."""

from dataclasses import dataclass, replace

from services.readside.layout import TAG_SEPARATOR


@dataclass(frozen=True)
class Filters:
    """What a memory must be to be found. Times are when it was created, in milliseconds."""

    types: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    created_from_ms: int | None = None
    created_before_ms: int | None = None

    def until(self, moment_ms: int | None) -> "Filters":
        """The same for what was created by then."""
        if moment_ms is None:
            return self
        before = [at for at in (self.created_before_ms, moment_ms + 1) if at is not None]
        return replace(self, created_before_ms=min(before))

    def admits(self, memory_type: bytes, tags: bytes, created_ms: int) -> bool:
        """Whether a memory passes; the same rule that `expression` gives the index."""
        if self.types and memory_type.decode() not in self.types:
            return False
        if self.tags and not set(self.tags) <= set(tags.decode().split(TAG_SEPARATOR)):
            return False
        if self.created_from_ms is not None and created_ms < self.created_from_ms:
            return False
        return self.created_before_ms is None or created_ms < self.created_before_ms

    def expression(self) -> tuple[str, list[str]]:
        """The index's filter, with all that users say as parameters: name, value, name, …"""
        parts, params = ["@ns:{$ns}"], []
        if self.types:
            names = [f"type{i}" for i in range(len(self.types))]
            parts.append("@type:{" + "|".join(f"${name}" for name in names) + "}")
            params += [word for pair in zip(names, self.types, strict=True) for word in pair]
        for i, tag in enumerate(self.tags):
            parts.append(f"@tags:{{$tag{i}}}")
            params += [f"tag{i}", tag]
        if self.created_from_ms is not None or self.created_before_ms is not None:
            low = "-inf" if self.created_from_ms is None else str(self.created_from_ms)
            high = "+inf" if self.created_before_ms is None else f"({self.created_before_ms}"
            parts.append(f"@created:[{low} {high}]")
        return " ".join(parts), params


NO_FILTERS = Filters()
