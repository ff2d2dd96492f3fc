"""A metered JMESPath search from text to text: on the event loop with few steps, in a worker process with many.

Imported by worker processes, so it knows nothing of the engine's event loop.
"""

import struct
from typing import Literal

import jmespath.exceptions
import msgspec

from engine.builtin.parts.jmespath_meter import BudgetSpentError, Path
from engine.builtin.parts.jmespath_standard import NumberTooLargeError
from proto.codec import MalformedJsonError, decode_raw_values, encode
from proto.long_numbers import decode_whole, encode_whole
from workers.task import Task

WORKER_STEPS = 1_000_000
"""Work done in a worker process: a second or two. Also the most elements that a result can have."""

MAX_ELEMENTS = 1_000_000
"""Elements of a value that is searched: as many as the largest value of ``json-transform`` can hold."""

SEARCH = Task("engine.builtin.parts.jmespath_search:search_aside")

_PATH_LENGTH = struct.Struct("!I")
_NOTHING, _VALUE, _ERROR = b"-", b"+", b"!"
"""The first byte of an answer, before the text of what was found, or of the error."""


class Found(msgspec.Struct, frozen=True):
    """The end of a search.

    Attributes:
        value: JSON text of what was found, or nothing.
        name: the kind of error, where it is one.
        message: one sentence for people about it.
    """

    value: bytes | None = None
    name: Literal["", "MalformedJson", "NumberTooLarge", "PathError", "PathTooCostly", "WorkersBusy"] = ""
    message: str = ""


def search(path: Path, text: bytes, steps: int) -> Found:
    """Return what an expression finds in a JSON text.

    Args:
        path: the expression.
        text: JSON text.
        steps: the budget.

    Raises:
        BudgetSpentError: more than ``steps`` would be taken.
    """
    try:
        found = path.search(decode_whole(text, MAX_ELEMENTS), steps=steps)
        return Found(None if found is None else encode_whole(found))
    except (BudgetSpentError, MemoryError):
        raise
    except MalformedJsonError as error:
        return Found(name="MalformedJson", message=str(error))
    except NumberTooLargeError as error:
        return Found(name="NumberTooLarge", message=str(error))
    except jmespath.exceptions.JMESPathError as error:
        return Found(name="PathError", message=_explained(error))
    except UnicodeEncodeError:  # which an edge could not take either
        return Found(name="MalformedJson", message="What was found holds half of a surrogate pair")
    except Exception as error:  # noqa: BLE001 - an untrusted expression meets a library that does not expect one
        message = f"The expression failed on this value: {type(error).__name__}: {error}"
        return Found(name="PathError", message=message)


def request(path: str, text: bytes) -> bytes:
    """Return the payload of ``SEARCH``."""
    encoded = path.encode("utf-8", "surrogatepass")
    return b"".join((_PATH_LENGTH.pack(len(encoded)), encoded, text))


def search_aside(payload: bytes) -> bytes:
    """Search as the task does: a ``request`` in, an answer for ``answered`` out."""
    (length,) = _PATH_LENGTH.unpack_from(payload)
    start = _PATH_LENGTH.size
    path = payload[start : start + length].decode("utf-8", "surrogatepass")
    try:
        found = search(Path(path), payload[start + length :], WORKER_STEPS)
    except BudgetSpentError:
        message = f"The expression takes more than {WORKER_STEPS} steps on this value; simplify it, or send less"
        found = Found(name="PathTooCostly", message=message)
    if found.name:
        return _ERROR + encode(found)
    return _NOTHING if found.value is None else _VALUE + found.value


def answered(answer: bytes) -> Found:
    """Read the answer of ``SEARCH``."""
    kind, text = answer[:1], answer[1:]
    if kind == _ERROR:
        return decode_raw_values(text, Found)
    return Found(text if kind == _VALUE else None)


def _explained(error: jmespath.exceptions.JMESPathError) -> str:
    if isinstance(error, jmespath.exceptions.JMESPathTypeError):
        # Its own text quotes the whole value.
        wanted = " or ".join(error.expected_types)
        return f"The function {error.function_name}() takes {wanted}, not {error.actual_type}"
    return str(error)
