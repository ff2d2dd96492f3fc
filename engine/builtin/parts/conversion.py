"""The common ground of components that make something of a value, or of one of its fields, and say where it goes.

Each message is worked on by itself, in steps of about a millisecond with turns for others in between.
"""

from collections.abc import Mapping, Sequence

import msgspec
import trio

from engine.builtin.parts.fields import Field
from engine.builtin.parts.json_path import OPENED_KEYS, Document, TooMuchToScanError, Wanted
from engine.builtin.parts.one_by_one import in_turns
from engine.builtin.parts.refusal import RefusedError
from engine.contracts.handler import Emission, Handler, Message, Outcome
from proto.codec import decode_text, decoded_by, encode
from proto.component import ConfigField

CONVERTED_BYTES = 1024 * 1024
"""JSON text that is worked on, and of an object that takes in what comes of it. Larger ones are cut first."""

STEP_BYTES = 64 * 1024
"""Bytes that are worked on before others have their turn: a millisecond or two of the slowest kinds of work."""

PLACE: Mapping[str, ConfigField] = {
    "field": ConfigField(
        type="string",
        description='The field that is worked on; a dotted path reaches inside. `""` for the whole value.',
        default="",
    ),
    "into": ConfigField(
        type="string",
        description='The field that takes the result, in the object that came. `""` for the result alone.',
        default="",
    ),
}
"""The configuration of all of them."""

_object_decoder: "msgspec.json.Decoder[dict[str, msgspec.Raw]]" = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Conversion(Handler):
    """A handler that makes one value of each message, or several where none of them is put ``into`` a field.

    Args:
        config: with the keys of ``PLACE``.
    """

    is_pure = True

    def __init__(self, config: Mapping[str, object]) -> None:
        name, into = str(config["field"]), str(config["into"])
        self._field = Field(name) if name else None
        self._into = into
        self._paths = self._field.paths if self._field else ()
        self._wanted = Wanted(self._paths)

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        return await in_turns(batch, self._attempt)

    async def convert(self, text: bytes) -> Sequence[bytes]:
        """Return what comes of a value, as JSON texts.

        Args:
            text: JSON text of at most ``CONVERTED_BYTES``, without white space around it.

        Raises:
            RefusedError: nothing can be made of it.
            msgspec.DecodeError: it cannot be read.
        """
        raise NotImplementedError

    async def _attempt(self, message: Message) -> tuple[Outcome, int]:
        try:
            emissions = await self._converted(message.value)
        except RefusedError as error:
            return Outcome(error=error.as_error()), len(message.value)
        except TooMuchToScanError as error:
            return Outcome(error=RefusedError("TooMuchToScan", str(error)).as_error()), len(message.value)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            refusal = RefusedError("MalformedJson", f"The message cannot be read: {error}")
            return Outcome(error=refusal.as_error()), len(message.value)
        return Outcome(emissions), len(message.value)

    async def _converted(self, value: bytes) -> list[Emission]:
        found = value if self._field is None else await self._found(value, self._field)
        made = await self.convert(_bounded(found))
        if self._into:
            (result,) = made
            return [(0, _placed(_bounded(value), self._into, result))]
        return [(0, each) for each in made]

    async def _found(self, value: bytes, field: Field) -> bytes:
        document = Document(value, self._wanted)
        await document.reach(self._paths)
        found = field.find(document)
        if found is None:
            raise RefusedError("MissingField", f'the message has no field "{field.name}"')
        return found


def said(text: bytes) -> str:
    """Return the text that a JSON string says.

    Raises:
        RefusedError: it is another value.
    """
    if text[:1] != b'"':
        raise RefusedError("NotText", "the value must be a text")
    return decode_text(text)


def content(text: bytes) -> bytes:
    """Return the bytes that a value stands for: a text in UTF-8, any other value as its JSON text came.

    Raises:
        RefusedError: it is a text with half a surrogate pair, which UTF-8 cannot say.
    """
    if text[:1] != b'"':
        return text
    try:
        return decode_text(text).encode()
    except UnicodeEncodeError:
        raise RefusedError("NotUtf8", "the text holds half of a surrogate pair, which has no bytes") from None


async def give_way() -> None:
    """Let others have their turn. What was taken must be told of, so nobody is cancelled here."""
    await trio.lowlevel.cancel_shielded_checkpoint()


def _bounded(text: bytes) -> bytes:
    if len(text) > CONVERTED_BYTES:
        message = f"The value has {len(text)} bytes; at most {CONVERTED_BYTES} are worked on"
        raise RefusedError("ValueTooLarge", message)
    return text.strip()


def _placed(value: bytes, name: str, result: bytes) -> bytes:
    if value[:1] != b"{":
        raise RefusedError("NotAnObject", f'only an object takes in a field "{name}"')
    if value.count(b":") > OPENED_KEYS:
        raise RefusedError(
            "TooManyFields", f"an object that takes in a field has at most {OPENED_KEYS} of its own"
        )
    members: dict[str, msgspec.Raw] = decoded_by(_object_decoder, value)
    return encode({**members, name: msgspec.Raw(result)})
