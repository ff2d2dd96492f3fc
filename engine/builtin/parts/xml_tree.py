"""XML as JSON values, by expat, within bounds and without a document type.

A document type declares entities, which name files, servers, or a billion laughs: one that has it is refused.
"""

from collections.abc import Collection, Mapping
from typing import Any
from xml.parsers import expat

from engine.builtin.parts.conversion import STEP_BYTES, give_way
from engine.builtin.parts.refusal import RefusedError

DEPTH_LIMIT = 100
"""Elements within one another."""

ELEMENTS_LIMIT = 100_000
"""Elements and attributes of one text."""

ATTRIBUTE, TEXT = "@", "#text"
"""The marks of what is no element: attributes begin with the one, and text beside others is under the other."""

_AT_ONCE = STEP_BYTES // 4
"""Characters parsed between two turns of others: each tag is a call."""

_Members = dict[str, Any]


class _Builder:
    """The values of the elements that are open, the outermost first."""

    def __init__(self, lists: Collection[str]) -> None:
        self._lists = lists
        self._open: list[tuple[str, _Members, list[str]]] = [("", {}, [])]
        self._count = 0

    @property
    def root(self) -> _Members:
        return self._open[0][1]

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._count += 1 + len(attributes)
        if self._count > ELEMENTS_LIMIT:
            raise RefusedError("TooManyElements", f"there are more than {ELEMENTS_LIMIT} elements and attributes")
        if len(self._open) > DEPTH_LIMIT:
            raise RefusedError("TooDeep", f"elements lie more than {DEPTH_LIMIT} deep within one another")
        self._open.append((name, {ATTRIBUTE + key: value for key, value in attributes.items()}, []))

    def text(self, piece: str) -> None:
        self._open[-1][2].append(piece)

    def end(self, _name: str) -> None:
        name, members, texts = self._open.pop()
        text = "".join(texts).strip()
        value: Any = members
        if text and members:
            members[TEXT] = text
        elif not members:
            value = text or None
        siblings = self._open[-1][1]
        if name not in siblings:
            siblings[name] = [value] if name in self._lists else value
        elif isinstance(siblings[name], list):
            siblings[name].append(value)
        else:
            siblings[name] = [siblings[name], value]


def _refuse_document_type(*_: Any) -> None:
    raise RefusedError("DocumentType", "the text has a document type (<!DOCTYPE), which is not read")


async def tree_of(text: str, lists: Collection[str]) -> _Members:
    """Return the value of an XML text: an object whose one member is the root element.

    An element is its text where it has nothing else, null where it is empty, and an object otherwise.

    Args:
        text: the document; an encoding that it declares means nothing, since it has been decoded.
        lists: the names of elements that are arrays even where there is one.

    Raises:
        RefusedError: it is no XML, has a document type, or is too much.
    """
    builder = _Builder(lists)
    parser = expat.ParserCreate("utf-8")
    parser.StartDoctypeDeclHandler = _refuse_document_type
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    parser.buffer_text = True
    try:
        for at in range(0, len(text), _AT_ONCE):
            parser.Parse(text[at : at + _AT_ONCE].encode())
            await give_way()
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        message = f"line {error.lineno} is no XML: {expat.ErrorString(error.code)}"
        raise RefusedError("NotXml", message) from None
    except UnicodeEncodeError:
        raise RefusedError("NotUtf8", "the text holds half of a surrogate pair, which XML has not") from None
    return builder.root
