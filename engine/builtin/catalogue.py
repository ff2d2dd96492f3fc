"""All built-in components: first those of the specification ("Built-in Components"), in its order."""

from collections.abc import Callable

import httpx

from engine.builtin.accumulator import ACCUMULATOR
from engine.builtin.delay import DELAY
from engine.builtin.expressions import FILTER, MAP, SPLIT, ExpressionComponent
from engine.builtin.http_request import http_request, open_client
from engine.builtin.json_transform import JSON_TRANSFORM
from engine.builtin.logger import LOGGER
from engine.builtin.merge import MERGE
from engine.builtin.passthrough import PASSTHROUGH
from engine.builtin.routine import ROUTINE_STEPS
from engine.component import Component


def builtins(
    open_http_client: Callable[[], httpx.AsyncClient] = open_client,
) -> tuple[Component | ExpressionComponent, ...]:
    """Every component that a runtime offers by itself; expressions are still to be put into the sandbox.

    Args:
        open_http_client: opens the client of each instance of ``symbia.io.http-request``.
    """
    return (
        PASSTHROUGH,
        LOGGER,
        DELAY,
        FILTER,
        MAP,
        MERGE,
        SPLIT,
        ACCUMULATOR,
        http_request(open_http_client),
        JSON_TRANSFORM,
        *ROUTINE_STEPS,
    )
