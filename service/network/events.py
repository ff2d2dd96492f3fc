"""The shapes of the Network's events on the wire, and the organisation that one names. Pure."""

from typing import Annotated, Any

import msgspec

from proto.binding import Boundary
from proto.codec import MalformedJsonError, decode_raw_values

Text = Annotated[str, msgspec.Meta(max_length=200)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]

_ORG_BYTES = 6 * 200 + 2
"""JSON text of an organisation's name, at its longest: a character has six bytes where it is escaped."""

REQUEST_EVENTS = "obs."
"""Types that begin so tell of services at work; a service that let its own in would hear of nothing else."""

REFUSED = "runtime.event.refused"
"""The type of the event by which the source of another event hears that it was not taken in."""


class Wrapper(msgspec.Struct, frozen=True, rename="camel"):
    """The Network's envelope around an event; further fields are its own.

    Attributes:
        id: unique among all events.
        run_id: what the event belongs to, in its source's words.
        source: the node that sent it, as that said itself.
        boundary: how far it may go.
        timestamp: the time, as the Network says it.
        target: the node that it is for; None for whoever has a contract for it.
        caused_by: the event that it follows from.
    """

    id: Name
    run_id: Text
    source: Name
    boundary: Boundary = "intra"
    timestamp: Text = ""
    target: Text | None = None
    caused_by: Text | None = None


class Payload(msgspec.Struct, frozen=True, rename="camel"):
    """The content of an event.

    Attributes:
        type: such as ``events.orders``.
        data: any JSON value, untouched.
        org_id: the organisation that its source says it belongs to.
    """

    type: Name
    data: msgspec.Raw = msgspec.field(default_factory=lambda: msgspec.Raw(b"null"))
    org_id: Text | None = None


class Event(msgspec.Struct, frozen=True):
    """A received event. Its ``hash`` is the Network's affair and is not looked at."""

    payload: Payload
    wrapper: Wrapper


class _OrgInside(msgspec.Struct, rename="camel"):
    org_id: msgspec.Raw = msgspec.Raw()


def org_of(event: Event) -> str:
    """Return the organisation that an event names: its payload's ``orgId``, or else its data's; "" for none."""
    if event.payload.org_id:
        return event.payload.org_id
    data = bytes(event.payload.data)
    if data[:1] != b"{" or b'"orgId"' not in data:
        return ""
    try:
        inside = bytes(decode_raw_values(data, _OrgInside).org_id)
        is_name = inside.startswith(b'"') and len(inside) <= _ORG_BYTES
        return decode_raw_values(inside, str) if is_name else ""
    except (msgspec.ValidationError, MalformedJsonError):
        return ""


def read_event(text: bytes) -> Event | None:
    """Read a JSON text as an event; None where it has another shape. Its data stays text, whatever is in it."""
    try:
        return decode_raw_values(text, Event)
    except (msgspec.ValidationError, MalformedJsonError):
        return None


class SentPayload(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The content of an event of ours; ``org_id`` is the owner of the graph that it comes from."""

    type: str
    data: Any
    org_id: str = ""


class Sending(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """An event on its way to the Network (``event:send``); the Network gives it its id.

    ``boundary`` has no default here, so that it is always written.
    """

    payload: SentPayload
    source: str
    run_id: str
    boundary: Boundary
    target: str = ""
    caused_by: str = ""
