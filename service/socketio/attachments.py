"""Binary values in Socket.IO packets: taken out before JSON, put back after it. Pure.

Each one leaves ``{"_placeholder": true, "num": n}`` behind, and follows the packet as a frame of its own
(Socket.IO protocol, "Packet encoding").
"""

from typing import Any

from proto.json_text import MAX_DEPTH
from service.socketio.errors import ProtocolError

Binary = bytes | bytearray | memoryview
_TOO_DEEP = f"This value is nested deeper than {MAX_DEPTH} levels"


def take_apart(value: Any) -> tuple[Any, list[bytes]]:
    """Return a value with placeholders instead of its bytes, and those bytes. Values without bytes are not copied.

    Looks into lists, tuples and dictionaries; structs and ``msgspec.Raw`` are JSON to it.

    Raises:
        ValueError: it is nested too deeply, or holds itself.
    """
    if not _holds_binary(value, 0):
        return value, []
    attachments: list[bytes] = []
    return _taken_apart(value, attachments, 0), attachments


def put_together(value: Any, attachments: list[bytes]) -> Any:
    """Return a decoded JSON value with its bytes in their places; its depth has been checked before.

    Raises:
        ProtocolError: a placeholder names an attachment that there is not.
    """
    if isinstance(value, list):
        return [put_together(item, attachments) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("_placeholder") is True:
        number = value.get("num")
        if type(number) is not int or not 0 <= number < len(attachments):
            raise ProtocolError(
                "socketio.attachments", f"A placeholder names attachment {number!r} of {len(attachments)}"
            )
        return attachments[number]
    return {key: put_together(item, attachments) for key, item in value.items()}


def _holds_binary(value: Any, depth: int) -> bool:
    if isinstance(value, Binary):
        return True
    if isinstance(value, dict):
        items: Any = value.values()
    elif isinstance(value, list | tuple):
        items = value
    else:
        return False
    if depth >= MAX_DEPTH:
        raise ValueError(_TOO_DEEP)
    return any(_holds_binary(item, depth + 1) for item in items)


def _taken_apart(value: Any, attachments: list[bytes], depth: int) -> Any:
    if isinstance(value, Binary):
        attachments.append(bytes(value))
        return {"_placeholder": True, "num": len(attachments) - 1}
    if isinstance(value, dict | list | tuple) and depth >= MAX_DEPTH:
        raise ValueError(_TOO_DEEP)
    if isinstance(value, list | tuple):
        return [_taken_apart(item, attachments, depth + 1) for item in value]
    if isinstance(value, dict):
        return {key: _taken_apart(item, attachments, depth + 1) for key, item in value.items()}
    return value
