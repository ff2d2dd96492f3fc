"""The AsyncAPI 3 document of the live events: what clients send and hear, made of the structs themselves.

Both ways in are described: over Socket.IO an event's payload travels by itself, over plain WebSockets in an
envelope that names the event. The schemas are the same, and stand once.
"""

from typing import Any, get_args

import msgspec

from engine.cooperative.slices import Steps
from proto.codec import decode, encode
from proto.events import BATCH, ERROR, Command, Event
from service.http.openapi.schemas import Schemas, docstring_of, schemas_of
from service.live.command_shapes import COMMAND_SHAPES, COMMAND_WORDS
from service.live.commands import CommandReply, ErrorEvent, RefusalReply

ASYNCAPI = "3.0.0"
TITLE = "Symbia Runtime live events"
VERSION = "1.0.0"
"""The version of the interface, not of the program that serves it."""

Document = dict[str, Any]

_EVENTS: dict[str, type[msgspec.Struct]] = {
    **{shape.name: shape for shape in get_args(Event)},
    ERROR: ErrorEvent,
}
"""Payloads of all that a client hears, apart from the event that carries others."""

_SOCKETIO, _PLAIN = "socketio", "plain"
_ID = {
    "description": "Anything short that names the message; its answer bears the same.",
    "anyOf": [{"type": "string", "maxLength": 200}, {"type": "integer"}],
}
_CREDENTIAL = {"type": "string"}
_AUTHENTICATE = "authenticate"
_AUTHENTICATE_PAYLOAD = {
    "type": "object",
    "properties": {"token": _CREDENTIAL, "apiKey": _CREDENTIAL, "orgId": _CREDENTIAL},
}
_BATCH_PAYLOAD = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"event": {"enum": sorted(set(_EVENTS) - {ERROR})}, "data": {"type": "object"}},
        "required": ["event", "data"],
    },
}
_WORDS = {
    _AUTHENTICATE: "The first message of a client whose request brought no credential.",
    BATCH: "Events in their order, for whoever asked for `batch`.",
}


def asyncapi_document() -> Steps[Document]:
    """Make the document, in steps."""
    shapes = [*dict.fromkeys((*COMMAND_SHAPES.values(), *_EVENTS.values(), CommandReply, RefusalReply))]
    schemas = yield from schemas_of(shapes)
    payloads = _payloads(schemas)
    messages: Document = {}
    operations: Document = {}
    for channel in (_SOCKETIO, _PLAIN):
        for name, payload in payloads.items():
            if name == _AUTHENTICATE and channel == _SOCKETIO:
                continue  # its handshake has the credential
            described = _message(name, payload, channel)
            messages[_key(channel, name)] = described
            operations[_key(channel, name)] = _operation(name, channel, described["summary"])
        messages[_key(channel, "reply")] = _reply(schemas, channel)
        yield
    document = {
        "asyncapi": ASYNCAPI,
        "info": {
            "title": TITLE,
            "version": VERSION,
            "description": _DESCRIPTION,
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {channel: _server(protocol) for channel, protocol in _PROTOCOLS.items()},
        "channels": {channel: _channel(channel, messages) for channel in _PROTOCOLS},
        "operations": operations,
        "components": {"schemas": schemas.components, "messages": messages},
    }
    made_of_json: Document = decode(encode(document))
    return made_of_json


_DESCRIPTION = (
    "Everything that happens in an execution can be heard while it happens, and executions can be commanded over "
    "the same connection. `execution:subscribe` with `{executionId}` begins."
)
_PROTOCOLS = {_SOCKETIO: "socket.io", _PLAIN: "ws"}
_ADDRESSES = {_SOCKETIO: "/socket.io/", _PLAIN: "/ws"}
_FRAMES = {
    _SOCKETIO: "Socket.IO, version 5 of the protocol: an event with its payload, answered by an acknowledgement.",
    _PLAIN: "Plain WebSockets: `{event, data, id}`, answered by `{ack: id, data}` where an `id` was given.",
}


def _server(protocol: str) -> Document:
    default = {"default": "127.0.0.1:5006", "description": "The address of the service."}
    return {"host": "{address}", "protocol": protocol, "variables": {"address": default}}


def _channel(channel: str, messages: Document) -> Document:
    return {
        "address": _ADDRESSES[channel],
        "description": _FRAMES[channel],
        "servers": [{"$ref": f"#/servers/{channel}"}],
        "messages": {
            key.removeprefix(f"{channel}."): {"$ref": f"#/components/messages/{key}"}
            for key in messages
            if key.startswith(f"{channel}.")
        },
    }


def _payloads(schemas: Schemas) -> dict[str, Document]:
    """Return the schema of each event's payload, by the event's name."""
    commands = {command.value: schemas.reference(shape) for command, shape in COMMAND_SHAPES.items()}
    events = {name: schemas.reference(shape) for name, shape in _EVENTS.items()}
    return {_AUTHENTICATE: _AUTHENTICATE_PAYLOAD, **commands, **events, BATCH: _BATCH_PAYLOAD}


def _message(name: str, payload: Document, channel: str) -> Document:
    return {
        "name": name,
        "summary": _summary(name),
        "payload": payload if channel == _SOCKETIO else _envelope(name, payload),
    }


def _summary(name: str) -> str:
    if name in COMMAND_SHAPES:
        return COMMAND_WORDS[Command(name)]
    shape = _EVENTS.get(name)
    return docstring_of(shape)[0].partition("\n")[0] if shape is not None else _WORDS[name]


def _envelope(name: str, payload: Document) -> Document:
    is_sent = name in COMMAND_SHAPES or name == _AUTHENTICATE
    return {
        "type": "object",
        "properties": {"event": {"const": name}, "data": payload, **({"id": _ID} if is_sent else {})},
        "required": ["event", "data"],
    }


def _reply(schemas: Schemas, channel: str) -> Document:
    payload: Document = {"anyOf": [schemas.reference(CommandReply), schemas.reference(RefusalReply)]}
    if channel == _PLAIN:
        payload = {"type": "object", "properties": {"ack": _ID, "data": payload}, "required": ["ack", "data"]}
    return {"name": "reply", "summary": "The answer to a command, or its refusal.", "payload": payload}


def _operation(name: str, channel: str, summary: str) -> Document:
    """Return an operation, as the service sees it: it receives commands, and sends events."""
    is_command = name in COMMAND_SHAPES or name == _AUTHENTICATE
    place = {"$ref": f"#/channels/{channel}"}
    described: Document = {
        "action": "receive" if is_command else "send",
        "channel": place,
        "summary": summary,
        "messages": [{"$ref": f"#/channels/{channel}/messages/{_key('', name)}"}],
    }
    if is_command:
        described["reply"] = {"channel": place, "messages": [{"$ref": f"#/channels/{channel}/messages/reply"}]}
    return described


def _key(channel: str, name: str) -> str:
    """Return a name as it may stand in a reference: without colons."""
    return ".".join(filter(None, (channel, name.replace(":", "."))))


def live_types(document: Document) -> dict[str, dict[str, str]]:
    """Return the names of the schemas of payloads, of commands and of events, by the names of these.

    Args:
        document: as :func:`asyncapi_document` makes it.
    """
    found: dict[str, dict[str, str]] = {"receive": {}, "send": {}}
    for key, operation in document["operations"].items():
        message = document["components"]["messages"][key]
        reference = message["payload"].get("$ref")
        if reference is not None:
            found[operation["action"]][message["name"]] = reference.rpartition("/")[2]
    return found
