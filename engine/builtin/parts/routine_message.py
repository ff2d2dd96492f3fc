"""The messages of a routine: a value, and the variables that its steps remember.

A value enters a routine as it is. The first step that remembers something puts it into ``{"value", "variables"}``,
and whatever has just these two keys, with an object in ``variables``, is read as such by every later step. So the
variables of one message never meet those of another, nothing is kept outside of messages, and whoever injects may
hand variables in (docs/decisions/0075).
"""

from collections.abc import Iterable

import msgspec

from engine.builtin.parts import json_path
from proto.codec import decoded_by, encode

VARIABLES_LIMIT = 100
"""Variables of one message. Each is carried from step to step."""

VARIABLES_LIMIT_BYTES = 256 * 1024
"""JSON text of all variables of one message, for the same reason."""

_object_decoder: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])


class VariablesLimitError(ValueError):
    """A message would carry more variables than it may; the message says which bound is met."""


def _too_large(size_bytes: int) -> VariablesLimitError:
    return VariablesLimitError(
        f"The variables have {size_bytes} bytes, and a message carries at most {VARIABLES_LIMIT_BYTES}"
    )


class _Wrapped(msgspec.Struct, forbid_unknown_fields=True):
    """A message with variables, and nothing else: anything more ends the reading of it at once."""

    value: msgspec.Raw
    variables: msgspec.Raw


_message_decoder = msgspec.json.Decoder(_Wrapped)


class RoutineMessage(msgspec.Struct, frozen=True):
    """A value and its variables, all as JSON text.

    Attributes:
        value: what the routine works on.
        variables: by name.
    """

    value: msgspec.Raw
    variables: dict[str, msgspec.Raw]

    def remembering(self, key: str, text: bytes) -> "RoutineMessage":
        """Return the same message with one more variable, or another value of one.

        Raises:
            VariablesLimitError: these would be too many, or too large.
        """
        variables = {**self.variables, key: msgspec.Raw(text)}
        size_bytes = sum(len(name) + len(held) for name, held in variables.items())
        if len(variables) > VARIABLES_LIMIT:
            raise VariablesLimitError(f"A message carries at most {VARIABLES_LIMIT} variables")
        if size_bytes > VARIABLES_LIMIT_BYTES:
            raise _too_large(size_bytes)
        return RoutineMessage(self.value, variables)

    def encoded(self) -> bytes:
        """Return the JSON text of ``{"value", "variables"}``."""
        return encode({"value": self.value, "variables": self.variables})


def read_message(text: bytes) -> RoutineMessage:
    """Read a value as it arrives at a step.

    Raises:
        msgspec.DecodeError: the text is no JSON.
        VariablesLimitError: it carries more than it may.
    """
    plain = RoutineMessage(msgspec.Raw(text), {})
    try:
        wrapped = decoded_by(_message_decoder, text)
        if len(wrapped.variables) > VARIABLES_LIMIT_BYTES and bytes(wrapped.variables).startswith(b"{"):
            raise _too_large(len(wrapped.variables))
        return RoutineMessage(wrapped.value, decoded_by(_object_decoder, wrapped.variables))
    except msgspec.ValidationError:  # no object, one with other keys, or "variables" is something else
        return plain


class Lookup:
    """Dotted paths into one message, however many.

    Args:
        message: what is looked into.
        defaults: variables that no step has set.
        wanted: what will be looked for in the value.
    """

    def __init__(
        self, message: RoutineMessage, defaults: dict[str, msgspec.Raw], wanted: json_path.Wanted
    ) -> None:
        self._message = message
        self._defaults = defaults
        self._value = json_path.Document(bytes(message.value), wanted)
        self._opened: dict[str, json_path.Document] = {}

    @staticmethod
    def wanted(paths: Iterable[json_path.Names]) -> json_path.Wanted:
        """Return what these paths look for in the value."""
        return json_path.Wanted(names[1:] if names[0] == "value" else names for names in paths)

    async def find(self, names: json_path.Names) -> bytes | None:
        """Find the JSON text that a path means; None where it means nothing.

        ``value.a`` leads into the value and ``variables.a`` into the variables; any other path into the variable
        of its first name, or else into the value's field.

        Raises:
            msgspec.DecodeError: what the way leads through is no JSON.
            TooMuchToScanError: the paths are too many and too deep for so large a message.
        """
        first, rest = names[0], names[1:]
        if first == "value":
            return await self._in_value(rest)
        if first == "variables":
            return self._in_variable(*rest) if rest else encode({**self._defaults, **self._message.variables})
        if first in self._message.variables or first in self._defaults:
            return self._in_variable(*names)
        return await self._in_value(names)

    async def _in_value(self, names: json_path.Names) -> bytes | None:
        await self._value.reach((names,))
        return self._value.find(names)

    def _in_variable(self, name: str, *rest: str) -> bytes | None:
        document = self._opened.get(name)
        if document is None:
            held = self._message.variables.get(name, self._defaults.get(name))
            if held is None:
                return None
            document = self._opened[name] = json_path.Document(bytes(held))
        return document.find(rest)
