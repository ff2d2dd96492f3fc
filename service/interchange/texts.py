"""Texts of files that are imported: halves of surrogate pairs, which have no UTF-8, become U+FFFD."""

from typing import Any


def mended(value: Any) -> Any:
    """Return a decoded document whose texts can all be written; how deep it is, its decoding has bounded."""
    if isinstance(value, str):
        if value.isascii():
            return value
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, list):
        return [mended(item) for item in value]
    if isinstance(value, dict):
        return {mended(key): mended(item) for key, item in value.items()}
    return value
