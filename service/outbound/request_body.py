"""A request's body that is sent whole, and leaves nothing behind where the sending is cancelled.

httpx's own is an async generator. Whoever is cancelled in the middle of sending drops it half-way, and it is the
garbage collector that ends it some time later, outside of every task; Trio warns of that.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager

import httpx

from engine.builtin.parts.repeating import REPEATABLE


class WholeBody(httpx.AsyncByteStream):
    """``content`` in one piece, as often as it is asked for."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _Once(self._content)


class _Once(AsyncIterator[bytes]):
    def __init__(self, content: bytes) -> None:
        self._left = [content] if content else []

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop()


@asynccontextmanager
async def open_answer(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    params: Mapping[str, str] | None = None,
    headers: Mapping[str, str],
    content: bytes | None = None,
    is_repeatable: bool = False,
) -> AsyncIterator[httpx.Response]:
    """Open the answer to a request, its head read and its body not, as ``client.stream`` gives it.

    Args:
        client: sends it.
        method: such as GET.
        url: of the client's base, or a whole one.
        params: of the query.
        headers: beside the client's own.
        content: its body.
        is_repeatable: whether it may be done twice although its method does not say so, as a question by POST.

    Raises:
        httpx.HTTPError: there is none.
        httpx.InvalidURL: there is no such place.
    """
    request = client.build_request(method, url, params=params, headers=headers, content=content)
    request.stream = WholeBody(content or b"")
    if is_repeatable:
        request.extensions[REPEATABLE] = True
    async with aclosing(await client.send(request, stream=True)) as answer:
        yield answer
