"""The weight of a JSON text in C, where the library is there that json_weight.c becomes (``make setup``).

It is an extra: json_text.py says what a weight is, and comes to the same one a few times slower.
"""

import ctypes
import hashlib
from pathlib import Path

SOURCE = Path(__file__).with_name("json_weight.c")


def library() -> Path:
    """Return where the library lies, or would lie: its name tells the source that it was made of."""
    return SOURCE.with_name(f"json_weight-{hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]}.so")


class _Fields(ctypes.Structure):
    """The fields of ``struct weight``."""

    _fields_ = (
        *(("open", ctypes.c_int64), ("deepest", ctypes.c_int64)),
        *((name, ctypes.c_uint64) for name in ("elements", "inside", "escaped")),
    )


class NativeText:
    """A text that comes in pieces, and what has been counted of it.

    Args:
        library: whose code counts.
    """

    def __init__(self, library: "NativeLibrary") -> None:
        self._weigh = library.weigh
        self._fields = _Fields()
        self._address = ctypes.addressof(self._fields)

    def feed(self, piece: bytes) -> None:
        """Take the next piece, of any length."""
        self._weigh(self._address, piece, len(piece))

    @property
    def depth(self) -> int:
        """The most brackets that were open at once."""
        return int(self._fields.deepest)

    @property
    def elements(self) -> int:
        """Opening brackets and commas outside of strings."""
        return int(self._fields.elements)


class NativeLibrary:
    """The functions of the library, which keep Python's lock: a megabyte is a quarter of a millisecond.

    Args:
        path: of the library.

    Raises:
        OSError: there is none, or it is of another machine.
    """

    def __init__(self, path: Path) -> None:
        functions = ctypes.PyDLL(str(path))
        self.weigh = functions.symbia_weigh
        self.weigh.restype = None
        self.weigh.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t)
        self.depth = functions.symbia_depth
        self.depth.restype = ctypes.c_int64
        self.depth.argtypes = (ctypes.c_char_p, ctypes.c_size_t)


def load() -> NativeLibrary | None:
    """Load the library, where there is one for this machine."""
    try:
        return NativeLibrary(library())
    except OSError:
        return None
