"""Processes that tests start, and that are gone after them."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import AnyStr


@contextmanager
def ended(process: "subprocess.Popen[AnyStr]") -> "Iterator[subprocess.Popen[AnyStr]]":
    """A process for the length of a block; however that ends, it is gone afterwards, and its pipes are closed.

    ``Popen`` itself waits for the end of its process instead: for ever, where a test fails before it asked for it.
    """
    try:
        yield process
    finally:
        process.kill()  # does nothing to one that has ended
        with process:
            pass
