"""The WebAssembly module of a component: how it arrives in its document. What is in it is for the sandbox to say.

A module is large, and nobody reads it: what is kept of it in the definition is its SHA-256.
"""

import msgspec

from engine.components.source import FetchSource, check_origin, fetch_content, is_sha256
from engine.cooperative.digests import from_base64, sha256_of
from proto.component import Code
from proto.problem import Problem

_PLACE = "execution.module"


def check_module(code: Code) -> list[Problem]:
    """Return what is wrong with where the code is said to be, for code that is or has a module."""
    if code.type != "wasm":
        message = f"execution.module belongs to execution.type wasm, not {code.type}"
        return [Problem("component.unexpected_module", _PLACE, message)]
    if code.source or (code.module and code.source_url):
        message = "A component of type wasm is its module, or the sourceUrl of one; leave the others out"
        return [Problem("component.two_sources", "execution.source", message)]
    if code.source_url:
        return check_origin(code)
    if not code.module:
        message = (
            "A component of type wasm needs its module, the bytes of a WebAssembly file in base64, or a sourceUrl"
        )
        return [Problem("component.missing_source", _PLACE, message)]
    if code.sha256 and not is_sha256(code.sha256):
        message = "sha256 is the SHA-256 of the module's bytes, as 64 hexadecimal digits"
        return [Problem("component.invalid_sha256", "execution.sha256", message)]
    return []


async def obtain_module(code: Code, fetch: FetchSource, limit_bytes: int) -> tuple[Code, bytes, list[Problem]]:
    """Obtain the module's bytes, the code with their hash in place of them, and what is wrong.

    Args:
        code: one in which :func:`check_module` found nothing.
        fetch: goes to a sourceUrl.
        limit_bytes: bounds what is fetched; the sandbox bounds all modules.
    """
    if code.source_url:
        content, problems = await fetch_content(code.source_url, fetch, limit_bytes)
        if problems:
            return code, b"", problems
    else:
        try:
            content = await from_base64(code.module)
        except ValueError as error:
            message = f"execution.module is not base64: {error}"
            return code, b"", [Problem("component.invalid_base64", _PLACE, message)]
    found = await sha256_of(content)
    if code.sha256 and code.sha256.lower() != found:
        message = f"The module has the SHA-256 {found}, not {code.sha256.lower()}: it is not what was expected"
        return code, b"", [Problem("component.source_hash_mismatch", "execution.sha256", message)]
    return msgspec.structs.replace(code, module="", source_hash=found, sha256=""), content, []
