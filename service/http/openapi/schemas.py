"""JSON Schemas of our structs, with the words of their docstrings at each field."""

import inspect
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from engine.cooperative.slices import Steps

_TEMPLATE = "#/components/schemas/{name}"
_FIELD = re.compile(r"^(\w+): (.*)$")


def schemas_of(shapes: Sequence[Any]) -> Steps["Schemas"]:
    """Make the schemas of several types, one after another: all at once take 60 ms."""
    references = []
    components: dict[str, Any] = {}
    for shape in shapes:
        (reference,), found = msgspec.json.schema_components([shape], ref_template=_TEMPLATE)
        references.append((shape, reference))
        components.update(found)
        yield
    for shape in structs_of(shapes):
        schema = components.get(shape.__name__)
        if schema is not None:
            describe(schema, shape)
            yield
    return Schemas(dict(sorted(components.items())), references)


class Schemas:
    """The schemas of several types, and of all that they refer to. Made by :func:`schemas_of`.

    Attributes:
        components: by name, for ``components/schemas``.
    """

    def __init__(self, components: dict[str, Any], references: Sequence[tuple[Any, dict[str, Any]]]) -> None:
        self.components = components
        self._references = references

    def reference(self, shape: Any) -> dict[str, Any]:
        """Return the reference to a type's schema."""
        return next(reference for other, reference in self._references if other is shape)

    def admit_null(self, shape: type[msgspec.Struct], name: str) -> None:
        """Let a field of a struct also be null."""
        properties = self.components[shape.__name__]["properties"]
        properties[name] = {"anyOf": [properties[name], {"type": "null"}]}


def describe(schema: dict[str, Any], shape: type[msgspec.Struct]) -> None:
    """Put what a struct's docstring says into its schema: the beginning at the top, attributes at their fields."""
    words, attributes = docstring_of(shape)
    schema["description"] = words
    wire_names = dict(zip(shape.__struct_fields__, shape.__struct_encode_fields__, strict=True))
    for base in reversed(shape.__mro__):
        if base is not shape and issubclass(base, msgspec.Struct) and base is not msgspec.Struct:
            attributes = {**docstring_of(base)[1], **attributes}
    for name, text in attributes.items():
        field = schema["properties"].get(wire_names.get(name, ""))
        if field is not None and "$ref" not in field:
            field["description"] = text


def docstring_of(shape: type) -> tuple[str, dict[str, str]]:
    """Return a docstring's words, and those of its ``Attributes`` by name."""
    words, _, rest = inspect.cleandoc(shape.__doc__ or "").partition("\nAttributes:\n")
    attributes: dict[str, str] = {}
    name = ""
    for line in inspect.cleandoc(rest).splitlines():
        found = _FIELD.match(line)
        if found:
            name = found[1]
            attributes[name] = found[2]
        elif name and line.startswith(" "):
            attributes[name] += f" {line.strip()}"
    return _plain(words), {key: _plain(text) for key, text in attributes.items()}


def _plain(text: str) -> str:
    """Text without the marks of our docstrings: roles and double backticks become single ones."""
    return re.sub(r":\w+:`(?:[\w.]*\.)?(\w+)`", r"`\1`", text).replace("``", "`").strip()


def structs_of(shapes: Sequence[Any]) -> list[type[msgspec.Struct]]:
    """Return the structs among some types and all that they hold, each once."""
    found: list[type[msgspec.Struct]] = []
    waiting: list[Any] = list(shapes)
    while waiting:
        shape = waiting.pop()
        if isinstance(shape, type) and issubclass(shape, msgspec.Struct):
            if shape not in found:
                found.append(shape)
                waiting += [field.type for field in msgspec.structs.fields(shape)]
        else:
            waiting += getattr(shape, "__args__", ())
    return found
