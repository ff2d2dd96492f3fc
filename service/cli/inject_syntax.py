"""Messages as people type them: ``node:port=json`` arguments, and lines of standard input."""

from codecs import BOM_UTF8

import msgspec

from proto.codec import MalformedJsonError, check_depth, decode_raw_values
from proto.message import Injection
from proto.shapes import choices_for


class InjectionSyntaxError(ValueError):
    """A text that is no message; the message says which, and how one looks."""


class PortAddress(msgspec.Struct, frozen=True):
    """An input port: ``node:port``, or ``port`` of the graph itself, whose node is ""."""

    node: str
    port: str


def parse_port(text: str) -> PortAddress:
    """Read an input port from ``node:port``, or one of the graph's own from ``port``.

    The last colon divides, so a node's id may hold colons.

    Raises:
        InjectionSyntaxError: it does not look like that.
    """
    node, colon, port = text.rpartition(":")
    if not port or (colon and not node):
        raise InjectionSyntaxError(
            f"{text!r} names no port; write NODE:PORT, such as input:in, or PORT for one of the graph's own"
        )
    return PortAddress(node=node, port=port)


def parse_argument(text: str) -> Injection:
    """Read a message from ``node:port=json``. The first equals sign divides.

    Raises:
        InjectionSyntaxError: it does not look like that, or the value is no JSON.
    """
    place, equals, value = text.partition("=")
    if not equals:
        raise InjectionSyntaxError(f"{text!r} is no message; write NODE:PORT=JSON, such as input:in=21")
    port = parse_port(place)
    try:
        encoded = value.encode()
    except UnicodeEncodeError as error:
        raise InjectionSyntaxError(f"The value of {place} is not UTF-8") from error
    try:
        return _injection(port, encoded)
    except InjectionSyntaxError as error:
        raise InjectionSyntaxError(
            f"The value of {place}: {error}; text needs quotes, such as '{place}=\"x\"'"
        ) from error


def parse_message_line(line: bytes) -> Injection:
    """Read a message from a line ``{"nodeId": ..., "port": ..., "value": ...}``.

    Raises:
        InjectionSyntaxError: it is no JSON object of that shape.
    """
    try:
        line = line.removeprefix(BOM_UTF8)  # some editors and shells put it before the first line
        line.decode()
        check_depth(line)
        return decode_raw_values(line, Injection)
    except (MalformedJsonError, msgspec.ValidationError, UnicodeDecodeError) as error:
        choices = choices_for(error, Injection) if isinstance(error, msgspec.ValidationError) else ""
        raise InjectionSyntaxError(
            f'{error}{choices}; expected {{"nodeId": ..., "port": ..., "value": ...}} or the option --stdin-to'
        ) from error


def parse_value_line(line: bytes, port: PortAddress) -> Injection:
    """Read a message for ``port`` from a line that is its value.

    Raises:
        InjectionSyntaxError: it is no JSON.
    """
    return _injection(port, line.strip())


def _injection(port: PortAddress, value: bytes) -> Injection:
    try:
        value = value.removeprefix(BOM_UTF8)
        value.decode()
        check_depth(value)
        decode_raw_values(value, msgspec.Raw)  # to know that it is JSON; the text itself travels on
    except (MalformedJsonError, UnicodeDecodeError) as error:
        raise InjectionSyntaxError(str(error)) from error
    return Injection(node_id=port.node, port=port.port, value=msgspec.Raw(value))
