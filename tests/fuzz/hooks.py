"""What schemathesis has to be told: how a stream of JSON lines is written. Loaded by ``SCHEMATHESIS_HOOKS``."""

import json
from typing import Any

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def write_lines(context: Any, value: Any) -> bytes:
    """A generated body as bytes; texts go as they are, so that most of them are no messages."""
    del context
    if isinstance(value, bytes):
        return value
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode("utf-8", "surrogatepass")
