"""The words of a command to an edge as a request to the service. Pure."""

import click
import msgspec

from proto.codec import MalformedJsonError, decode_raw_values, encode


class EdgeRequest(msgspec.Struct, frozen=True):
    """A request below the path of an edge, or of a node.

    Attributes:
        method: of the request.
        path: below that of the edge.
        body: JSON text, or nothing.
        query: its parameters.
        tag: that the edge or the message must have; "" where it may have any.
    """

    method: str
    path: str
    body: bytes = b""
    query: dict[str, str | int] = {}
    tag: str = ""


OF_NODES = frozenset({"pause", "resume", "step", "drop"})
"""Commands that can be given to all edges of a node at once."""

USES = {
    "pause": "pause",
    "resume": "resume",
    "step": "step [COUNT]",
    "drop": "drop SEQUENCE..., or drop --where JMESPATH, or drop --all",
    "edit": "edit SEQUENCE JSON",
    "move": "move SEQUENCE first|last",
    "insert": "insert JSON [--first]",
    "redirect": "redirect EDGE [SEQUENCE]...",
}


def request_of(
    words: tuple[str, ...], *, on_node: bool, where: str | None, drops_all: bool, first: bool, tag: str
) -> EdgeRequest:
    """Return the request of a command.

    Args:
        words: the command and its arguments, as they were typed.
        on_node: whether it is given to all edges of a node.
        where: of a ``drop``: the condition.
        drops_all: likewise: whether all that waits is dropped.
        first: of an ``insert``: whether the message comes before the others.
        tag: that the edge or the message must have.

    Raises:
        UsageError: there is no such command, or it is not used so.
    """
    name, arguments = (words[0], words[1:]) if words else ("", ())
    if name not in USES:
        raise click.UsageError(f"There is no command {name!r} for edges; there are {', '.join(USES)}")
    if on_node and name not in OF_NODES:
        raise click.UsageError(f"{name} is for one edge; to those of a node go {', '.join(sorted(OF_NODES))}")
    is_misused = (name != "drop" and (where is not None or drops_all)) or (name != "insert" and first)
    try:
        request = None if is_misused else _request(name, arguments, where, drops_all=drops_all, first=first)
    except (ValueError, MalformedJsonError) as error:
        raise click.UsageError(f"Use it so: {USES[name]} ({error})") from error
    if request is None:
        raise click.UsageError(f"Use it so: {USES[name]}")
    return msgspec.structs.replace(request, tag=tag)


def _request(
    name: str, arguments: tuple[str, ...], where: str | None, *, drops_all: bool, first: bool
) -> EdgeRequest | None:
    request: EdgeRequest | None = None
    match name, arguments:
        case "pause" | "resume", ():
            request = EdgeRequest("POST", f"/{name}")
        case "step", () | (_,):
            request = EdgeRequest("POST", "/step", encode({"count": int(arguments[0]) if arguments else 1}))
        case "drop", _:
            request = _drop(arguments, where, drops_all=drops_all)
        case "edit", (sequence, text):
            request = EdgeRequest("PATCH", f"/messages/{int(sequence)}", encode({"value": _value(text)}))
        case "move", (sequence, "first" | "last" as end):
            request = EdgeRequest("POST", "/move", encode({"sequence": int(sequence), "to": end}))
        case "insert", (text,):
            body = {"value": _value(text), "at": "first" if first else "last"}
            request = EdgeRequest("POST", "/messages", encode(body))
        case "redirect", (to, *sequences):
            numbers = {"sequences": [int(each) for each in sequences]} if sequences else {}
            request = EdgeRequest("POST", "/redirect", encode({"to": to, **numbers}))
    return request


def _drop(arguments: tuple[str, ...], where: str | None, *, drops_all: bool) -> EdgeRequest | None:
    if (bool(arguments), where is not None, drops_all).count(True) != 1:
        return None
    if where is not None:
        return EdgeRequest("DELETE", "/messages", query={"where": where})
    numbers = [str(int(each)) for each in arguments]
    return EdgeRequest("DELETE", "/messages", query={"sequences": ",".join(numbers)} if numbers else {})


def _value(text: str) -> msgspec.Raw:
    return decode_raw_values(text.encode("utf-8", "surrogateescape"), msgspec.Raw)
