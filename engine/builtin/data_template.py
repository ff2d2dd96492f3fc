"""``symbia.data.template`` fills a text from a value: ``Dear {customer.name}``.

Unlike the texts of routines, which are plain words, a template says what is to stand in a place: one that nothing
fills is an error unless the author says otherwise, and what fills it is escaped for where it stands.
"""

import html
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from engine.builtin.declare import declare, error_port, port
from engine.builtin.parts.conversion import PLACE, Conversion
from engine.builtin.parts.json_path import Document, Wanted
from engine.builtin.parts.placeholders import Template, TemplateSyntaxError, Way, names_of
from engine.builtin.parts.refusal import RefusedError
from engine.contracts.component import Builtin
from engine.contracts.handler import Handler, InstanceContext
from proto.codec import decode_text, encode
from proto.component import ConfigField
from proto.problem import Problem

FILLED_CHARACTERS = 1024 * 1024
"""The text that comes of it."""


def _as_it_is(text: str) -> str:
    return text


def _url(text: str) -> str:
    return quote(text, safe="", errors="surrogatepass")


def _json(text: str) -> str:
    return encode(text)[1:-1].decode()


_ESCAPES: Mapping[str, Callable[[str], str]] = {"none": _as_it_is, "html": html.escape, "url": _url, "json": _json}

DEFINITION = declare(
    "symbia.data.template",
    "Template",
    "Fills the placeholders of a text from a value.",
    inputs=(port("in", "Any value."),),
    outputs=(
        port("out", "The filled text; the whole object where `into` names a field."),
        error_port("A value that lacks what a placeholder names, with the value."),
    ),
    config={
        "template": ConfigField(
            type="string",
            description="A text with placeholders such as `{order.id}` or `{items.0.id}`, and `{}` for the "
            "value itself. A text fills one as it is, anything else as its JSON text. `{{` and `}}` are braces.",
            required=True,
        ),
        "escape": ConfigField(
            type="string",
            description="What is done to what fills a placeholder, by where the text is to stand: in HTML, in a "
            "URL, or within a JSON string.",
            default="none",
            enum=tuple(_ESCAPES),
        ),
        "missing": ConfigField(
            type="string",
            description="What becomes of a value that lacks what a placeholder names: an `error`, or nothing "
            "fills the place (`empty`). A field that is null is there.",
            default="error",
            enum=("error", "empty"),
        ),
        **PLACE,
    },
    stateless=True,
)


class Filling(Conversion):
    """The filling of one template.

    Args:
        config: of the node.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self._template = Template(config["template"])
        self._ways = tuple(dict.fromkeys(self._template.ways))
        self._names = names_of(self._ways)
        self._inside = Wanted(self._names)
        self._escape = _ESCAPES[config["escape"]]
        self._is_strict = config["missing"] == "error"

    async def convert(self, text: bytes) -> Sequence[bytes]:
        document = Document(text, self._inside)
        await document.reach(self._names)
        filling = {way: self._filling(document, way) for way in self._ways}
        parts = [self._template.pieces[0]]
        size = len(parts[0])
        for way, piece in zip(self._template.ways, self._template.pieces[1:], strict=True):
            parts += filling[way], piece
            size += len(filling[way]) + len(piece)
            if size > FILLED_CHARACTERS:
                message = f"The filled text has more than {FILLED_CHARACTERS} characters"
                raise RefusedError("ValueTooLarge", message)
        return (encode("".join(parts)),)

    def _filling(self, document: Document, way: Way) -> str:
        found = way.find(document)
        if found is None:
            if self._is_strict:
                raise RefusedError("MissingField", f'the value has no field "{way}"')
            return ""
        return self._escape(decode_text(found) if found[:1] == b'"' else found.decode())


class TemplateComponent(Builtin):
    """The component; it reads the template, so that a mistake in it refuses the graph."""

    async def check(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        try:
            Template(config["template"])
        except TemplateSyntaxError as error:
            return (Problem("config.invalid", "template", f"This is no template. {error}"),)
        return ()


def _make(context: InstanceContext) -> Handler:
    return Filling(context.config)


TEMPLATE = TemplateComponent(DEFINITION, _make)
