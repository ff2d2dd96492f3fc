"""Outgoing requests of graphs carry the trace id of the request that started their execution."""

from collections.abc import Callable

import httpx

from service.observability.trace import HEADER, present_trace


def traced(open_client: Callable[[], httpx.AsyncClient]) -> Callable[[], httpx.AsyncClient]:
    """Return the same opener, whose clients send the trace id of the task that opens them.

    What a node sets itself counts first.

    A node opens its client in the task of its execution, which inherits the trace of the request that started it.
    """

    def open_traced() -> httpx.AsyncClient:
        client = open_client()
        trace_id = present_trace()
        if trace_id:
            client.headers[HEADER.decode()] = trace_id
        return client

    return open_traced
