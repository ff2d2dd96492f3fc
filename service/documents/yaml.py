"""YAML as JSON with fewer brackets: the values that JSON knows, and nothing that can explode.

Built from parser events with an explicit stack, so that neither nesting nor size can exhaust Python's. Anchors
and aliases are refused, because ten lines of them can stand for gigabytes; so are tags, other than those of JSON's
own types, and keys that are not text or come twice. Scalars follow YAML 1.2's core schema: ``no`` is text, and so
is a date.
"""

import math
import re
from collections.abc import Generator
from typing import Any

import yaml

from engine.documents.problem_report import shown
from proto.json_text import MAX_DEPTH
from service.documents.yaml_advice import QUOTE, advice_for
from service.documents.yaml_source import Source, preparing

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The parser in C where PyYAML was built with it."""

TURN_EVENTS = 500
"""Events that are read in one go: two milliseconds with the parser in C."""

MAX_EVENTS = 200_000
"""Events of one document: names, values, and beginnings and ends of lists and objects; half a second in all."""

_ANCHOR = "write the value out, or put a text that begins with * or & in quotes"
_TAG = f"a text cannot begin with !: {QUOTE}"
_LINE = re.compile(r"[^\r\n]*")
_CORE = "tag:yaml.org,2002:"
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
_INTEGER = re.compile(r"[-+]?[0-9]{1,4000}|0o[0-7]{1,4000}|0x[0-9a-fA-F]{1,3500}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]++|[0-9]++(?:\.[0-9]*+)?)(?:[eE][-+]?[0-9]++)?")
_ENDLESS = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


class YamlError(ValueError):
    """The text is no YAML that this service reads; the message says why, at which line, and what to do.

    Args:
        what: is wrong.
        mark: the place in libyaml's terms, where it is known.
        remedy: for people, where one is known.

    Attributes:
        position: line and column, counted from 0, where they are known.
    """

    def __init__(self, what: str, mark: Any = None, remedy: str = "") -> None:
        place = "" if mark is None else f" at line {mark.line + 1}, column {mark.column + 1}"
        super().__init__(f"{what}{place}{remedy and '; '}{remedy}")
        self.position: tuple[int, int] | None = None if mark is None else (mark.line, mark.column)


def read_yaml(text: bytes) -> Any:
    """Read the value of a YAML text with one document, in one go.

    Raises:
        YamlError: it cannot be read, or says what JSON cannot.
    """
    going_on = reading(text)
    while True:
        try:
            next(going_on)
        except StopIteration as end:
            return end.value


def reading(text: bytes) -> Generator[None, None, Any]:
    """Read a YAML text with one document; pause after every ``TURN_EVENTS``, and return its value.

    Raises:
        YamlError: it cannot be read, or says what JSON cannot.
    """
    try:
        decoded = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise YamlError(f"This YAML is not UTF-8: byte {error.start} is wrong") from error
    try:
        source = yield from preparing(decoded)
    except ValueError as error:
        raise YamlError(f"This YAML cannot be read: {error}") from error
    builder = _Builder(source)
    try:
        for count, event in enumerate(yaml.parse(source.text, Loader=LOADER), 1):
            builder.take(event)
            if count > MAX_EVENTS:
                raise YamlError(f"This YAML has more than {MAX_EVENTS} names, values and ends of lists; send JSON")
            if count % TURN_EVENTS == 0:
                yield
    except yaml.MarkedYAMLError as error:
        what = " ".join(part for part in (error.context, error.problem) if part)
        raise YamlError(f"This is not YAML: {what}", error.problem_mark, _advice(source.text, error)) from error
    except yaml.YAMLError as error:
        raise YamlError(f"This is not YAML: {error}") from error
    return builder.document()


def _advice(text: str, error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark
    if mark is None:
        return ""
    line = _LINE.match(text, max(0, mark.index - mark.column))
    return advice_for(f"{error.context or ''} {error.problem}", line[0] if line else "", mark.column)


class _Builder:
    """A builder of one document out of events. ``_open`` is the stack of unfinished lists and mappings."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._open: list[list[Any] | dict[str, Any]] = []
        self._keys: list[str | None] = []  # for each open collection, the key that waits for its value
        self._documents: list[Any] = []
        self._second: Any = None  # where a second document begins

    def take(self, event: Any) -> None:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise YamlError("Anchors and aliases are not taken", event.start_mark, _ANCHOR)
        if isinstance(event, yaml.DocumentStartEvent) and self._documents and self._second is None:
            self._second = event.start_mark
        if isinstance(event, yaml.ScalarEvent):
            self._take_scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._begin([], event, "seq")
        elif isinstance(event, yaml.MappingStartEvent):
            self._begin({}, event, "map")
        elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            self._keys.pop()
            self._put(self._open.pop(), event)

    def document(self) -> Any:
        if not self._documents:
            raise YamlError("There is nothing in this YAML but comments; a document is expected")
        if len(self._documents) != 1:
            what = f"Expected one YAML document, got {len(self._documents)}"
            raise YamlError(what, self._second, "put each into a file of its own")
        return self._documents[0]

    def _begin(self, collection: list[Any] | dict[str, Any], event: Any, tag: str) -> None:
        if event.tag not in {None, "!", _CORE + tag}:
            raise YamlError(f"The tag {shown(event.tag)} is not taken", event.start_mark, _TAG)
        if len(self._open) >= MAX_DEPTH:
            raise YamlError(f"This YAML is nested deeper than {MAX_DEPTH} levels", event.start_mark)
        if self._expects_key():
            raise YamlError("A key must be text", event.start_mark)
        self._open.append(collection)
        self._keys.append(None)

    def _take_scalar(self, event: Any) -> None:
        text = self._source.restored(event.value, is_double_quoted=event.style == '"')
        if not self._expects_key():
            self._put(_scalar(text, event), event)
            return
        mapping = self._open[-1]
        if text in mapping:
            raise YamlError(f"The key {shown(text)!r} comes twice", event.start_mark)
        if text == "<<" and event.implicit[0]:
            raise YamlError("Merge keys are not taken", event.start_mark, "write the values out")
        self._keys[-1] = text

    def _expects_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1], dict) and self._keys[-1] is None

    def _put(self, value: Any, event: Any) -> None:
        """Hand a finished value to the collection around it, or keep it as the document."""
        if not self._open:
            self._documents.append(value)
            return
        around = self._open[-1]
        if isinstance(around, list):
            around.append(value)
            return
        key = self._keys[-1]
        if key is None:  # an event order that the parser does not produce
            raise YamlError("A key must be text", event.start_mark)
        around[key] = value
        self._keys[-1] = None


def _scalar(text: str, event: Any) -> Any:
    """Return the value of a scalar: by its tag, else by its look when it is plain, else text."""
    if event.tag in {"!", _CORE + "str"} or (event.tag is None and not event.implicit[0]):
        return text
    value = _plain(text, event)
    names = {"null": type(None), "bool": bool, "int": int, "float": (int, float)}
    if event.tag is None:
        return value
    wanted: Any = names.get(event.tag.removeprefix(_CORE))
    if wanted is None:
        raise YamlError(f"The tag {shown(event.tag)} is not taken", event.start_mark, _TAG)
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        raise YamlError(f"{shown(text)!r} does not fit its tag {event.tag}", event.start_mark)
    return value


def _plain(text: str, event: Any) -> Any:
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _INTEGER.fullmatch(text):
        return int(text, 0) if text.startswith(("0o", "0x")) else int(text)
    if _ENDLESS.fullmatch(text):
        raise YamlError(f"JSON has no number {text}", event.start_mark)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if not math.isfinite(number):
            raise YamlError(f"The number {shown(text)} is too large", event.start_mark)
        return number
    return text
