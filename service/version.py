"""The version of this program, as its installation knows it."""

import functools
import importlib.metadata


@functools.cache
def version() -> str:
    """Return the installed version; ``0+source`` when the program runs without having been installed."""
    try:
        return importlib.metadata.version("symbia-runtime")
    except importlib.metadata.PackageNotFoundError:
        return "0+source"
