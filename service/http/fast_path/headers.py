"""The headers of an ASGI request, asked for by name. Pure."""

from collections.abc import Iterable


class Headers:
    """A view of headers, as the rules of who may come in want it.

    Args:
        items: names in lower case, and values.
    """

    def __init__(self, items: Iterable[tuple[bytes, bytes]]) -> None:
        self._values: dict[bytes, list[bytes]] = {}
        for name, value in items:
            self._values.setdefault(name, []).append(value)

    def get(self, name: str) -> str | None:
        """Return the first value of a header; None when there is none."""
        values = self._values.get(name.lower().encode())
        return values[0].decode("latin-1") if values else None

    def first(self, name: bytes) -> bytes:
        """Return the first value of a header, named in lower case, as it came; b"" when there is none."""
        values = self._values.get(name)
        return values[0] if values else b""

    def getlist(self, name: str) -> list[str]:
        """All values of a header."""
        return [value.decode("latin-1") for value in self._values.get(name.lower().encode(), ())]
