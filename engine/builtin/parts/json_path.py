"""Dotted paths into JSON text, without building the values beside the way.

``a.b.c`` is followed by scanning each object for its keys and keeping their texts as they stand. So what is found
leaves exactly as it came, every digit of its numbers included.

A message is one ``Document`` for all that is looked for in it, so that each object on a way is scanned once. An
object with very many keys is not opened at all: making them known would cost more than anything else that is done
with it. Such a one is scanned for the wanted names only, a few with each scan. Whatever is scanned counts, and a
message that would have to be scanned for ever is refused.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import msgspec
import trio

from proto.codec import decoded_by

SCANNED_BYTES = 64 * 1024 * 1024
"""The bytes scanned for one message at most, at 0.5 to 1 GB/s: six levels of the largest value, a hundred of one
of half a megabyte."""

LARGE_BYTES = 16 * 1024
"""Text beyond which others have their turn between two scans. Of smaller objects all keys are made known."""

OPENED_KEYS = 20_000
"""Keys of an object up to which all are made known, counted by its colons, wherever they stand: 2 to 5 ms."""

_NAMES_AT_ONCE = 16
"""Names that one scan looks for: each key of the text is compared with each of them."""

_HEAD_BYTES = 512 * 1024
_WANTED_LEVELS = 8
"""Names of a path that are known beforehand; the tree of a thousand long paths would be large itself."""

_DOTTED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
_object_decoder: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])

Names = tuple[str, ...]


class TooMuchToScanError(ValueError):
    """The paths lead so deep into so large a message, or are so many, that they are not followed."""

    def __init__(self) -> None:
        super().__init__(
            f"The paths lead through more than {SCANNED_BYTES} bytes of the message, level by level; "
            "take a part of it first"
        )


def fields(path: str) -> Names | None:
    """Return the field names of a dotted path; None when the text is anything else."""
    return tuple(path.split(".")) if _DOTTED.fullmatch(path) else None


class Wanted:
    """The paths that are looked for in every message, known beforehand: a tree of names.

    Args:
        paths: all that will be asked for.
    """

    def __init__(self, paths: Iterable[Names] = ()) -> None:
        self.inside: dict[str, Wanted] = {}
        self._readers: dict[str, _FewFields] | None = None
        for names in paths:
            place = self
            for name in names[:_WANTED_LEVELS]:
                place = place.inside.setdefault(name, Wanted())

    def reader_of(self, name: str) -> "_FewFields":
        """Return the reader that scans an object for this name, and for others that are wanted beside it."""
        if self._readers is None:
            names = list(self.inside)
            groups = [names[at : at + _NAMES_AT_ONCE] for at in range(0, len(names), _NAMES_AT_ONCE)]
            readers = [(_FewFields(group), group) for group in groups]
            self._readers = {name: reader for reader, group in readers for name in group}
        return self._readers.get(name) or _FewFields([name])


_NOTHING_WANTED = Wanted()


class _FewFields:
    """A reader of a few fields of an object, which passes over all others without making anything of them."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._slots = [f"field{index}" for index in range(len(names))]

    @cached_property
    def _decoder(self) -> "msgspec.json.Decoder[msgspec.Struct]":
        shape = msgspec.defstruct(
            "FewFields",
            [(slot, msgspec.Raw | msgspec.UnsetType, msgspec.UNSET) for slot in self._slots],
            rename=dict(zip(self._slots, self._names, strict=True)),
        )
        return msgspec.json.Decoder(shape)

    def read(self, text: msgspec.Raw) -> dict[str, msgspec.Raw | None]:
        """Return the texts of the fields; None of those that are not there."""
        found = decoded_by(self._decoder, text)
        values = (getattr(found, slot) for slot in self._slots)
        return {
            name: None if value is msgspec.UNSET else value
            for name, value in zip(self._names, values, strict=True)
        }


class _Place:
    """A value within a document, with what is known of its fields: all of them where it ``is_open``."""

    __slots__ = ("fields", "inside", "is_open", "text", "wanted")

    def __init__(self, text: msgspec.Raw, wanted: Wanted) -> None:
        self.text = text
        self.wanted = wanted
        self.fields: Mapping[str, msgspec.Raw | None] = {}
        self.inside: dict[str, _Place] = {}
        self.is_open = False

    def enter(self, name: str) -> "_Place | None":
        """Return the value of a known field; None where there is none."""
        text = self.fields.get(name)
        if text is None:
            return None
        place = self.inside[name] = _Place(text, self.wanted.inside.get(name, _NOTHING_WANTED))
        return place

    def look_for(self, name: str) -> None:
        """Make a field known."""
        try:
            if _has_many_keys(self.text):
                self.fields = {**self.fields, **self.wanted.reader_of(name).read(self.text)}
                return
            opened = decoded_by(_object_decoder, self.text)
            self.fields = opened
        except msgspec.ValidationError:  # JSON, but no object
            self.fields = {}
        self.is_open = True


def _has_many_keys(text: msgspec.Raw) -> bool:
    if len(text) <= LARGE_BYTES:
        return False
    head = bytes(memoryview(text)[:_HEAD_BYTES])  # where it is dense, as all of it is in most texts
    return head.count(b":") > OPENED_KEYS or bytes(text).count(b":") > OPENED_KEYS


class Document:
    """A JSON text that is looked into, however often.

    Args:
        text: of any size.
        wanted: what will be looked for, where that is known; then large objects are scanned less often.

    Attributes:
        text: the whole.
        scanned_bytes: what has been looked through until now.
    """

    def __init__(self, text: bytes, wanted: Wanted = _NOTHING_WANTED) -> None:
        self.text = text
        self.scanned_bytes = 0
        self._root = _Place(msgspec.Raw(text), wanted)

    def find(self, names: Names) -> bytes | None:
        """Find a path's JSON text as :func:`find` does.

        Raises:
            msgspec.DecodeError: the text is no JSON.
            TooMuchToScanError: it would take too long.
        """
        place = self._root
        for name in names:
            if not place.is_open and name not in place.fields:
                self._look(place, name)
            inner = place.inside.get(name) or place.enter(name)
            if inner is None:
                return None
            place = inner
        return bytes(place.text)

    def _look(self, place: _Place, name: str) -> None:
        self.scanned_bytes += len(place.text)
        if self.scanned_bytes > SCANNED_BYTES:
            raise TooMuchToScanError
        place.look_for(name)

    async def reach(self, paths: Iterable[Names]) -> None:
        """Find paths of a large text once, with turns for others in between; ``find`` then knows them.

        Raises:
            As ``find`` does.
        """
        before = self.scanned_bytes
        for names in paths:
            place = self._root
            for name in names:
                if not place.is_open and name not in place.fields:
                    self._look(place, name)
                    if self.scanned_bytes - before > LARGE_BYTES:
                        before = self.scanned_bytes
                        await trio.lowlevel.cancel_shielded_checkpoint()  # what was taken must be told of
                inner = place.inside.get(name) or place.enter(name)
                if inner is None:
                    break
                place = inner


def find(text: bytes, names: Names) -> bytes | None:
    """Find the JSON text at the end of the fields ``names``; None when the way leads through no object or no such
    key.

    Of a key that occurs twice in an object the last one counts, as in JavaScript.

    Raises:
        msgspec.DecodeError: the text is no JSON.
        TooMuchToScanError: it would take too long.
    """
    return Document(text).find(names)
