"""Socket.IO packets, against the protocol document's examples and against python-socketio's codec."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from socketio.packet import Packet as OraclePacket  # type: ignore[import-untyped]  # it has no types

from service.socketio.errors import ProtocolError
from service.socketio.frames import Frame
from service.socketio.packets import (
    MAX_ATTACHMENTS,
    Packet,
    PacketDecoder,
    PacketType,
    event_packet,
    write_packet,
)

CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR = (
    PacketType.CONNECT,
    PacketType.DISCONNECT,
    PacketType.EVENT,
    PacketType.ACK,
    PacketType.CONNECT_ERROR,
)


def placeholder(number: int) -> str:
    """A placeholder as it is spelled on the wire."""
    return f'{{"_placeholder":true,"num":{number}}}'


EXAMPLES: list[tuple[Packet, list[Frame]]] = [
    (Packet(CONNECT), ["0"]),
    (Packet(CONNECT, "/admin", {"sid": "x"}), ['0/admin,{"sid":"x"}']),
    (Packet(CONNECT_ERROR, "/", {"message": "Not authorized"}), ['4{"message":"Not authorized"}']),
    (Packet(EVENT, "/", ["foo"]), ['2["foo"]']),
    (Packet(EVENT, "/admin", ["bar"]), ['2/admin,["bar"]']),
    (Packet(EVENT, "/", ["baz", b"\1\2"]), [f'51-["baz",{placeholder(0)}]', b"\1\2"]),
    (
        Packet(EVENT, "/admin", ["baz", b"\1", {"deep": [b"\2"]}]),
        [f'52-/admin,["baz",{placeholder(0)},{{"deep":[{placeholder(1)}]}}]', b"\1", b"\2"],
    ),
    (Packet(EVENT, "/", ["foo"], 12), ['212["foo"]']),
    (Packet(ACK, "/admin", ["bar"], 13), ['3/admin,13["bar"]']),
    (Packet(ACK, "/", [], 1), ["31[]"]),
    (Packet(ACK, "/", ["bar", b"\1"], 15), [f'61-15["bar",{placeholder(0)}]', b"\1"]),
    (Packet(DISCONNECT), ["1"]),
    (Packet(DISCONNECT, "/admin"), ["1/admin,"]),
]


def decoded(*messages: Frame) -> Packet:
    """The one packet of some messages."""
    decoder = PacketDecoder(1_000)
    *unfinished, packet = [decoder.receive(message) for message in messages]
    assert unfinished == [None] * len(unfinished)
    assert packet is not None
    return packet


@pytest.mark.parametrize(("packet", "messages"), EXAMPLES, ids=str)
def test_the_examples_of_the_document_are_written_and_read(packet: Packet, messages: list[Frame]) -> None:
    """Every kind of packet goes over the wire as the document spells it, and comes back the same."""
    text, *attachments = messages
    assert write_packet(packet) == ("4" + str(text), *attachments)
    assert decoded(*messages) == packet


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([""], "socketio.type"),
        (["7"], "socketio.type"),
        (["abc"], "socketio.type"),
        (["\u0663[]"], "socketio.type"),
        (["2"], "socketio.data"),
        (["2{}"], "socketio.data"),
        (["2[]"], "socketio.data"),
        (["2[true]"], "socketio.data"),
        (["2[null]"], "socketio.data"),
        (['2["connect"]'], "socketio.data"),
        (['2["disconnecting"]'], "socketio.data"),
        (['2/admin["no comma"]'], "socketio.data"),
        (["0[]"], "socketio.data"),
        (["1{}"], "socketio.data"),
        (["31{}"], "socketio.data"),
        (["4[]"], "socketio.data"),
        (['2abc["x"]'], "socketio.json"),
        (['21-["x"]'], "socketio.json"),
        (['2["x"'], "socketio.json"),
        (['2["\\ud8"]'], "socketio.json"),
        (["2" + "[" * 1000], "socketio.json"),
        (['2["x",' + "9" * 5000 + "]"], "socketio.json"),
        (['299999999999999999["x"]'], "socketio.id"),
        (['29007199254740992["x"]'], "socketio.id"),
        (["0/" + "x" * 256 + ","], "socketio.namespace"),
        (["0/a\x1eb,"], "socketio.namespace"),
        (['5["x"]'], "socketio.attachments"),
        (['5-["x"]'], "socketio.attachments"),
        ([f'5{MAX_ATTACHMENTS + 1}-["x"]'], "socketio.attachments"),
        (['599999999999-["x"]'], "socketio.attachments"),
        ([f'51-["x",{placeholder(0)}]', '2["x"]'], "socketio.attachments"),
        ([f'51-["x",{placeholder(1)}]', b"x"], "socketio.attachments"),
        ([f'51-["x",{placeholder(-1)}]', b"x"], "socketio.attachments"),
        (['51-["x",{"_placeholder":true,"num":"0"}]', b"x"], "socketio.attachments"),
        (['51-["x",{"_placeholder":true,"num":true}]', b"x"], "socketio.attachments"),
        (['51-["x",{"_placeholder":true}]', b"x"], "socketio.attachments"),
        ([b"x"], "socketio.attachments"),
        ([f'51-["x",{placeholder(0)}]', b"x" * 1001], "socketio.attachments"),
    ],
)
def test_what_is_no_packet_is_refused_by_name(messages: list[Frame], reason: str) -> None:
    """Whatever is wrong with a packet has a stable name, and nothing else is raised."""
    decoder = PacketDecoder(1_000)
    for message in messages[:-1]:
        assert decoder.receive(message) is None
    with pytest.raises(ProtocolError) as caught:
        decoder.receive(messages[-1])
    assert caught.value.reason == reason
    assert str(caught.value)


@pytest.mark.parametrize(
    ("text", "packet"),
    [
        ("0/random", Packet(CONNECT, "/random")),
        ("1/admin", Packet(DISCONNECT, "/admin")),
        ("0/,", Packet(CONNECT)),
        ("2[7]", Packet(EVENT, "/", ["7"])),
        ('4"old style"', Packet(CONNECT_ERROR, "/", "old style")),
        ('50-["none"]', Packet(EVENT, "/", ["none"])),
        ('2["a",{"_placeholder":true,"num":5}]', Packet(EVENT, "/", ["a", {"_placeholder": True, "num": 5}])),
    ],
)
def test_what_clients_send_beside_the_document_is_read(text: str, packet: Packet) -> None:
    """Spellings that the document's examples do not show, and real clients use, are understood."""
    assert decoded(text) == packet


@pytest.mark.parametrize("name", ["connect", "connect_error", "disconnect", "newListener"])
def test_names_that_clients_keep_cannot_be_sent(name: str) -> None:
    """An event that would make the client's parser fail is refused where it is sent."""
    with pytest.raises(ValueError, match="keep for themselves"):
        event_packet(name, ())


def test_what_cannot_be_written_is_an_error_of_the_writer() -> None:
    """Cyclic values, too many attachments and bytes where none may be are told, not sent."""
    cyclic: list[Any] = [b"x"]
    cyclic.append(cyclic)
    for data in (["x", cyclic], ["x", *[b""] * (MAX_ATTACHMENTS + 1)]):
        with pytest.raises(ValueError, match=r"nested|at most"):
            write_packet(Packet(EVENT, "/", data))
    with pytest.raises(ValueError, match="no binary"):
        write_packet(Packet(CONNECT, "/", {"x": b""}))


def event_is_free(name: str) -> bool:
    """Whether an event may be called so."""
    try:
        event_packet(name, ())
    except ValueError:
        return False
    return True


scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.binary(max_size=9)
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
names = st.text(min_size=1).filter(event_is_free)
namespaces = st.sampled_from(["/", "/admin", "/a/b"])


@given(namespaces, names, st.lists(values, max_size=4), st.none() | st.integers(0, 10**9))
def test_python_socketio_reads_what_is_written_here(
    namespace: str, name: str, args: list[Any], ack_id: int | None
) -> None:
    """Another implementation of the codec understands every event that this one writes."""
    text, *attachments = write_packet(event_packet(name, tuple(args), namespace, ack_id))
    assert isinstance(text, str)
    theirs = OraclePacket(encoded_packet=text[1:])
    for attachment in attachments:
        theirs.add_attachment(attachment)
    assert (theirs.namespace or "/", theirs.data, theirs.id) == (namespace, [name, *args], ack_id)


@given(namespaces, names, st.lists(values, max_size=4), st.none() | st.integers(0, 10**9))
def test_what_python_socketio_writes_is_read_here(
    namespace: str, name: str, args: list[Any], ack_id: int | None
) -> None:
    """This codec understands every event that another implementation writes."""
    written = OraclePacket(data=[name, *args], namespace=namespace, id=ack_id).encode()
    messages = written if isinstance(written, list) else [written]
    assert decoded(*messages) == Packet(EVENT, namespace, [name, *args], ack_id)


TEXTS = st.text() | st.builds(
    "".join,
    st.lists(
        st.sampled_from(
            [*'0123456/,-[]{}":', placeholder(0), placeholder(1), "_placeholder", "/admin,", '"x"', "9" * 30]
        )
    ),
)


@given(st.lists(TEXTS | st.binary(max_size=20), max_size=6))
def test_any_messages_are_packets_or_end_with_a_reason(messages: list[Frame]) -> None:
    """Whatever comes, it is read or refused with a named reason, and never anything else."""
    decoder = PacketDecoder(100)
    packets: list[Packet | None] = []
    with contextlib.suppress(ProtocolError):
        packets.extend(decoder.receive(message) for message in messages)
    for packet in packets:
        if packet is not None:
            assert decoded(*(f if isinstance(f, bytes) else f[1:] for f in write_packet(packet))) == packet
