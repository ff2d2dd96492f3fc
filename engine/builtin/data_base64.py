"""``symbia.data.base64`` writes bytes as text, and reads them again (RFC 4648)."""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Any

from engine.builtin.declare import declare, error_port, port
from engine.builtin.parts.conversion import PLACE, Conversion, content, said
from engine.builtin.parts.refusal import RefusedError
from engine.contracts.component import Builtin
from engine.contracts.handler import Handler, InstanceContext
from proto.codec import encode
from proto.component import ConfigField

DEFINITION = declare(
    "symbia.data.base64",
    "Base64",
    "Writes bytes as text in base64, and reads them again.",
    inputs=(port("in", "A text; where it is encoded, any value."),),
    outputs=(
        port("out", "The text that came of it; the whole object where `into` names a field."),
        error_port("What is no base64, or no text in UTF-8 behind it, with the value."),
    ),
    config={
        "mode": ConfigField(
            type="string",
            description="`encode` writes the UTF-8 of a text, or the JSON text of another value; `decode` reads.",
            default="encode",
            enum=("encode", "decode"),
        ),
        "alphabet": ConfigField(
            type="string",
            description="`standard`, with `+` and `/` and padding, or `url`, with `-` and `_` and none. Reading, "
            "padding may be absent in both.",
            default="standard",
            enum=("standard", "url"),
        ),
        **PLACE,
    },
    stateless=True,
)

_SPACE = re.compile(r"[ \t\r\n]+")


class Base64(Conversion):
    """Encoding, or decoding.

    Args:
        config: of the node.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self._is_url = config["alphabet"] == "url"
        self._is_decoding = config["mode"] == "decode"

    async def convert(self, text: bytes) -> Sequence[bytes]:
        return (encode(self._decoded(said(text)) if self._is_decoding else self._encoded(content(text))),)

    def _encoded(self, plain: bytes) -> str:
        if self._is_url:
            return base64.urlsafe_b64encode(plain).rstrip(b"=").decode()
        return base64.b64encode(plain).decode()

    def _decoded(self, text: str) -> str:
        try:
            return bytes_in(text, is_url=self._is_url).decode()
        except UnicodeDecodeError as error:
            message = f"the bytes are no text in UTF-8, at byte {error.start}; JSON has no other texts"
            raise RefusedError("NotUtf8", message) from None


def bytes_in(text: str, *, is_url: bool = False) -> bytes:
    """Return the bytes that a text in base64 says; white space in it, and padding, are nothing.

    Raises:
        RefusedError: it is none.
    """
    letters = _SPACE.sub("", text).rstrip("=")
    try:
        return base64.b64decode(letters + "=" * (-len(letters) % 4), b"-_" if is_url else b"+/", validate=True)
    except (binascii.Error, ValueError) as error:
        raise RefusedError("NotBase64", f"the text is no base64: {error}") from None


def _make(context: InstanceContext) -> Handler:
    return Base64(context.config)


BASE64 = Builtin(DEFINITION, _make)
