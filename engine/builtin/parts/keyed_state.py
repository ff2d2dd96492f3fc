"""The state that a component keeps by key between invocations: JSON texts with their lanes, within bounds."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from engine.builtin.parts.kept import distinct, key_bytes, lane_of
from engine.builtin.parts.refusal import RefusedError
from engine.contracts.handler import Kept
from engine.contracts.lanes import APOCRYPHAL, CANONICAL, NAMES
from proto.codec import encode

STATE_KEYS = 1_000
"""Keys of one node's state: as many as a guest's instance keeps (``stateKeys``)."""

STATE_BYTES = 1024 * 1024
"""Keys and JSON text of one node's state: as much as a guest's instance keeps (``stateBytes``)."""

OBJECT_BYTES = 10 * 1024 * 1024
"""JSON text of an object that is made of several values: as large as a value may be that is injected."""


KEY_BYTES = 250
"""The bytes of a key beside its text and its value's: 240 were measured."""


class KeyedState:
    """The latest value of each key, in the order in which the keys were first seen."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[bytes, int]] = {}
        self._bytes = 0
        self._apocryphal = 0

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def __len__(self) -> int:
        return len(self._values)

    def items(self) -> Iterator[tuple[str, bytes]]:
        """Keys and their JSON texts."""
        return ((key, text) for key, (text, _) in self._values.items())

    def __getitem__(self, key: str) -> bytes:
        return self._values[key][0]

    @property
    def lane(self) -> int:
        """The tightest lane of all that is kept."""
        return APOCRYPHAL if self._apocryphal else CANONICAL

    @property
    def held_bytes(self) -> int:
        """The bytes that are kept, with what Python needs around them."""
        return self._bytes + KEY_BYTES * len(self._values)

    def put(self, key: str, text: bytes, lane: int) -> None:
        """Keep a value in the place of the key's former one.

        Raises:
            RefusedError: there would be too many keys or too much text; nothing has changed.
        """
        self.put_all((key,), text, lane)

    def put_all(self, keys: Sequence[str], text: bytes, lane: int) -> None:
        """Keep one value under several keys, all of them or none; raises as ``put`` does."""
        new = [key for key in keys if key not in self._values]
        if len(self._values) + len(new) > STATE_KEYS:
            raise RefusedError("StateLimitExceeded", f"This node keeps {STATE_KEYS} keys, and {new[0]} is new")
        grown = sum(len(text) - self._size(key) for key in keys) + sum(
            len(key.encode("utf-8", "surrogatepass")) for key in new
        )
        if self._bytes + grown > STATE_BYTES:
            raise RefusedError("StateLimitExceeded", f"This node keeps at most {STATE_BYTES} bytes of values")
        self._bytes += grown
        for key in keys:
            former = self._values.get(key)
            self._apocryphal += lane - (0 if former is None else former[1])
            self._values[key] = (text, lane)

    def adopt(self, former: "KeyedState", keys: Iterable[str]) -> None:
        """Keep what another one keeps of some keys."""
        for key in keys:
            if key in former:
                self.put(key, *former._values[key])  # noqa: SLF001 - one of us

    def snapshot(self) -> Kept | None:
        """Return everything, for a checkpoint."""
        values = [(key_bytes(key), text, lane) for key, (text, lane) in self._values.items()]
        return Kept(rest=values) if values else None

    def restore(self, kept: Kept) -> None:
        """Keep what was kept; raises as a handler's ``restore`` does."""
        entries = msgspec.convert(kept.rest, list[tuple[bytes, bytes, int]])
        for key, (_, text, lane) in zip(distinct(key for key, _, _ in entries), entries, strict=True):
            self.put(key, text, lane_of(lane))

    def drop_all(self, keys: Sequence[str]) -> None:
        """Let go of the values of several keys, as far as there are any."""
        for key in keys:
            former = self._values.pop(key, None)
            if former is not None:
                self._bytes -= len(former[0]) + len(key.encode("utf-8", "surrogatepass"))
                self._apocryphal -= former[1]

    def _size(self, key: str) -> int:
        former = self._values.get(key)
        return 0 if former is None else len(former[0])

    def texts(self) -> Mapping[str, bytes]:
        """Return everything as JSON texts by key, each ``{"value", "lane"}``."""
        return {
            key: encode({"value": msgspec.Raw(text), "lane": NAMES[lane]})
            for key, (text, lane) in self._values.items()
        }


def object_of(items: Iterator[tuple[str, bytes]]) -> bytes:
    """Make the JSON text of an object from its keys and the JSON texts of its values.

    Raises:
        RefusedError: it would be longer than ``OBJECT_BYTES``; one value may be asked for under many names.
    """
    parts = []
    room = OBJECT_BYTES
    for key, text in items:
        parts.append(b"%b:%b" % (encode(key), text))
        room -= len(parts[-1]) + 1
        if room < 0:
            raise RefusedError("ValueTooLarge", f"The object would have more than {OBJECT_BYTES} bytes")
    return b"{" + b",".join(parts) + b"}"
