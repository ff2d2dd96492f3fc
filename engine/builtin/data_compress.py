"""``symbia.data.compress`` packs texts, and unpacks them; what is packed is written in base64, since JSON has no
bytes.
"""

import base64
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from engine.builtin.data_base64 import bytes_in
from engine.builtin.declare import declare, error_port, port
from engine.builtin.parts.conversion import PLACE, STEP_BYTES, Conversion, content, give_way, said
from engine.builtin.parts.inflating import DEFLATE, GZIP, ZLIB, NotDeflatedError, TooMuchInflatedError, inflated
from engine.builtin.parts.refusal import RefusedError
from engine.contracts.component import Builtin
from engine.contracts.handler import Handler, InstanceContext
from proto.codec import encode
from proto.component import ConfigField

UNPACKED_BYTES = 4 * 1024 * 1024
"""Bytes that come of a packed text: a thousand times as many may be in it."""

_FORMATS = {"gzip": GZIP, "zlib": ZLIB, "deflate": DEFLATE}

DEFINITION = declare(
    "symbia.data.compress",
    "Compress",
    "Packs texts into base64, and unpacks them.",
    inputs=(port("in", "A text; where it is packed, any value."),),
    outputs=(
        port("out", "The text that came of it; the whole object where `into` names a field."),
        error_port("What is not packed so, or too much, with the value."),
    ),
    config={
        "mode": ConfigField(
            type="string",
            description="`compress` packs the UTF-8 of a text, or the JSON text of any other value; `decompress` "
            "reads base64 and unpacks.",
            default="compress",
            enum=("compress", "decompress"),
        ),
        "format": ConfigField(
            type="string",
            description="The container: that of files (RFC 1952), zlib's own (RFC 1950), or none (RFC 1951).",
            default="gzip",
            enum=tuple(_FORMATS),
        ),
        "level": ConfigField(
            type="integer",
            description="1 is quick, 9 is small.",
            default=6,
            minimum=1,
            maximum=9,
        ),
        **PLACE,
    },
    stateless=True,
)


class Compress(Conversion):
    """Packing, or unpacking.

    Args:
        config: of the node.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self._container = _FORMATS[config["format"]]
        self._level = int(config["level"])
        self._is_unpacking = config["mode"] == "decompress"

    async def convert(self, text: bytes) -> Sequence[bytes]:
        if not self._is_unpacking:
            return (encode(base64.b64encode(await self._packed(content(text))).decode()),)
        plain = await self._unpacked(bytes_in(said(text)))
        try:
            return (encode(plain.decode()),)
        except UnicodeDecodeError as error:
            message = f"what was packed is no text in UTF-8, at byte {error.start}"
            raise RefusedError("NotUtf8", message) from None

    async def _packed(self, plain: bytes) -> bytes:
        packer = zlib.compressobj(self._level, zlib.DEFLATED, self._container)
        parts = []
        for at in range(0, len(plain), STEP_BYTES):
            parts.append(packer.compress(plain[at : at + STEP_BYTES]))
            await give_way()
        return b"".join((*parts, packer.flush()))

    async def _unpacked(self, packed: bytes) -> bytes:
        try:
            return await inflated(packed, self._container, UNPACKED_BYTES)
        except TooMuchInflatedError as error:
            raise RefusedError("ValueTooLarge", str(error)) from None
        except NotDeflatedError as error:
            raise RefusedError("NotCompressed", f"the bytes are not packed so: {error}") from None


def _make(context: InstanceContext) -> Handler:
    return Compress(context.config)


COMPRESS = Builtin(DEFINITION, _make)
