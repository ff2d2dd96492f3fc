"""The language of `.fbp` files: ``'packet' -> IN Name(component) OUT -> IN Other``, and exported ports. Pure.

Statements end with a line or a comma; an arrow at a line's end goes on in the next one. Between two arrows stand
the input port, the process and the output port; ports may be left away, and are `in` and `out` then.
"""

import re
from collections.abc import Iterator

import msgspec

from service.interchange.fbp.network import MOST_CONNECTIONS, MOST_PROCESSES, Connection, Network, Port, Process
from service.interchange.imported import NotImportableError

MOST_BYTES = 2 * 1024 * 1024
"""Bytes of a file."""

_TOKEN = re.compile(
    r"(?P<space>[ \t\r]+|#[^\n]*)|(?P<end>[\n,;])|(?P<arrow>->)"
    r"|(?P<packet>'(?:[^'\\]|\\.)*')"
    r"|(?P<word>[A-Za-z_][\w.\-]*(?:/[\w.\-]+)*(?:\[\d+\])?(?:\([^()\n]*\))?)"
    r"|(?P<export>(?:DEFAULT_)?(?:INPORT|OUTPORT|EXPORT)=[^\n,#]+)",
    re.DOTALL,
)
_EXPORT = re.compile(r"(?:DEFAULT_)?(INPORT|OUTPORT|EXPORT)=([\w\-/]+)\.([\w\-]+)(?:\[(\d+)\])?:([\w\-]+)\s*")
_PORT = re.compile(r"([A-Za-z_][\w.\-]*)(?:\[(\d+)\])?")
_PROCESS = re.compile(r"([A-Za-z_][\w.\-]*(?:/[\w.\-]+)*)(?:\(([^():]*)(?::([^()]*))?\))?")
_NAME = re.compile(r"^[ \t]*#[ \t]*@name[ \t]+(\S[^\n]*)$", re.MULTILINE)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class _Token(msgspec.Struct, frozen=True):
    kind: str
    text: str
    line: int


class _Use(msgspec.Struct, frozen=True):
    """A process between two arrows, with the ports beside it."""

    process: str
    into: str
    out: str


def read_text(text: bytes) -> Network:
    """Read the text of an `.fbp` file.

    Raises:
        NotImportableError: it is none; the message says in which line.
    """
    if len(text) > MOST_BYTES:
        raise NotImportableError(f"It has {len(text)} bytes; {MOST_BYTES} are taken")
    source = text.decode("utf-8", "replace").removeprefix("\ufeff")
    named = _NAME.search(source)
    network = Network(name=named[1].strip() if named else "")
    for statement in _statements(source):
        _read(statement, network)
        if len(network.processes) > MOST_PROCESSES or len(network.connections) > MOST_CONNECTIONS:
            raise NotImportableError(
                f"It has more than {MOST_PROCESSES} processes or {MOST_CONNECTIONS} connections"
            )
    return network


def _tokens(source: str) -> Iterator[_Token]:
    at, line = 0, 1
    while at < len(source):
        match = _export_or_token(source, at)
        if match is None:
            raise NotImportableError(f"Line {line}: {source[at]!r} belongs to nothing")
        if match.lastgroup != "space":
            yield _Token(str(match.lastgroup), match[0], line)
        line += match[0].count("\n")
        at = match.end()


def _export_or_token(source: str, at: int) -> re.Match[str] | None:
    """Return what stands at a place; an export begins as a word does, and goes on with ``=``."""
    match = _TOKEN.match(source, at)
    if match is not None and match.lastgroup == "word" and source[match.end() : match.end() + 1] == "=":
        return re.compile(r"(?P<export>[A-Z_]+=[^\n,#]+)").match(source, at)
    return match


def _statements(source: str) -> Iterator[list[_Token]]:
    statement: list[_Token] = []
    for token in _tokens(source):
        if token.kind != "end":
            statement.append(token)
        elif statement and statement[-1].kind != "arrow":
            yield statement
            statement = []
    if statement:
        yield statement


def _read(statement: list[_Token], network: Network) -> None:
    if statement[0].kind == "export":
        _export(statement[0], network)
        return
    parts: list[list[_Token]] = [[]]
    for token in statement:
        if token.kind == "arrow":
            parts.append([])
        else:
            parts[-1].append(token)
    line = statement[0].line
    before: _Use | None = None
    packet: str | None = None
    for index, part in enumerate(parts):
        if index == 0 and len(part) == 1 and part[0].kind == "packet" and len(parts) > 1:
            packet = _ESCAPED.sub(r"\1", part[0].text[1:-1])
            continue
        use = _use(part, line, network, is_first=index == 0, is_last=index == len(parts) - 1)
        if packet is not None:
            network.connections.append(Connection(_port(use.process, use.into), data=packet))
        elif before is not None:
            source = _port(before.process, before.out)
            network.connections.append(Connection(_port(use.process, use.into), source))
        before, packet = use, None


def _use(part: list[_Token], line: int, network: Network, *, is_first: bool, is_last: bool) -> _Use:
    words = [token.text for token in part]
    if not 1 <= len(words) <= 3 or any(token.kind != "word" for token in part):
        shown = " ".join(words) or "nothing"
        raise NotImportableError(f"Line {line}: {shown} stands where a port, a process and a port are expected")
    place = _place_of_process(words, network, is_first=is_first, is_last=is_last)
    match = _PROCESS.fullmatch(words[place])
    if match is None:
        raise NotImportableError(f"Line {line}: {words[place]} names no process")
    name, component, metadata = match.groups()
    process = network.processes.setdefault(name, Process(name))
    if component:
        process.component = component
    if metadata:
        process.metadata = dict(pair.split("=", 1) for pair in metadata.split(",") if "=" in pair)
    into = words[place - 1] if place else "in"
    return _Use(name, into, words[place + 1] if place + 1 < len(words) else "out")


def _place_of_process(words: list[str], network: Network, *, is_first: bool, is_last: bool) -> int:
    """Return which of one to three words is the process: the one with a component, or the one that is known."""
    if len(words) != 2:
        return len(words) // 2
    for place, word in enumerate(words):
        if "(" in word:
            return place
    if is_first or is_last:
        return 0 if is_first else 1
    return 0 if words[0] in network.processes else 1


def _port(process: str, text: str) -> Port:
    match = _PORT.fullmatch(text)
    if match is None:
        raise NotImportableError(f"{text} names no port of {process}")
    return Port(process, match[1].lower(), int(match[2]) if match[2] else None)


def _export(token: _Token, network: Network) -> None:
    match = _EXPORT.fullmatch(token.text)
    if match is None:
        raise NotImportableError(
            f"Line {token.line}: {token.text.strip()} exports no port, as INPORT=Name.IN:NAME does"
        )
    side, process, port, index, name = match.groups()
    is_output = side == "OUTPORT" or (side == "EXPORT" and port.lower().startswith(("out", "error")))
    ports = network.outputs if is_output else network.inputs
    ports[name.lower()] = Port(process, port.lower(), int(index) if index else None)
