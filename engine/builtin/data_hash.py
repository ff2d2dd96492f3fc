"""``symbia.data.hash`` makes a digest of a value, keyed or not: to compare, to tell apart, to sign."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine.builtin.declare import declare, error_port, port
from engine.builtin.parts.conversion import PLACE, STEP_BYTES, Conversion, content, give_way
from engine.contracts.component import Builtin
from engine.contracts.handler import Handler, InstanceContext
from proto.codec import encode
from proto.component import ConfigField

ALGORITHMS = ("sha256", "sha384", "sha512", "sha3_256", "blake2b", "sha1", "md5")

DEFINITION = declare(
    "symbia.data.hash",
    "Hash",
    "Makes a digest of a value, with a key where one is given.",
    inputs=(port("in", "Any value: the UTF-8 of a text, the JSON text of any other value as it came."),),
    outputs=(
        port("out", "The digest, a text; the whole object where `into` names a field."),
        error_port("What cannot be read, with the value."),
    ),
    config={
        "algorithm": ConfigField(
            type="string",
            description="The hash function. `sha1` and `md5` resist nobody; they are here for old partners.",
            default="sha256",
            enum=ALGORITHMS,
        ),
        "key": ConfigField(
            type="string",
            description='The key of an HMAC (RFC 2104); `""` for a plain digest.',
            default="",
            secret=True,
        ),
        "encoding": ConfigField(
            type="string",
            description="The spelling of the digest: lower-case hexadecimal, or base64.",
            default="hex",
            enum=("hex", "base64"),
        ),
        **PLACE,
    },
    stateless=True,
)


class Digest(Conversion):
    """The making of digests.

    Args:
        config: of the node.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self._begin = _beginning(config["algorithm"], config["key"])
        self._is_base64 = config["encoding"] == "base64"

    async def convert(self, text: bytes) -> Sequence[bytes]:
        plain = memoryview(content(text))
        digest = self._begin()
        for at in range(0, len(plain), STEP_BYTES):
            if at:
                await give_way()
            digest.update(plain[at : at + STEP_BYTES])
        made = digest.digest()
        return (encode(base64.b64encode(made).decode() if self._is_base64 else made.hex()),)


def _beginning(algorithm: str, key: str) -> "Callable[[], hmac.HMAC | hashlib._Hash]":
    if key:
        blank = hmac.new(key.encode("utf-8", "surrogatepass"), digestmod=algorithm)
        return blank.copy
    return hashlib.new(algorithm, usedforsecurity=False).copy


def _make(context: InstanceContext) -> Handler:
    return Digest(context.config)


HASH = Builtin(DEFINITION, _make)
