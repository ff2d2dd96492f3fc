"""Keeps an execution of a graph running that nobody started by hand."""

from collections.abc import Callable

import structlog
import trio

from engine.errors import EngineError, NotFoundError
from engine.execution.heritage import Heritage
from engine.runtime import Runtime
from proto.execution import ExecutionState
from service.siblings.backoff import Backoff

STEADY_SECONDS = 60.0
"""An execution that ran this long had begun well: its failure is a first one."""

log = structlog.get_logger("catalog")


async def keep_running(
    runtime: Runtime,
    graph_id: str,
    key: str,
    backoff: Backoff,
    tried: Callable[[], object],
    heritage: Heritage | None = None,
) -> None:
    """Execute a graph, and again whenever its execution fails; return when it is to rest.

    It rests when its execution completed, when somebody stopped it or forgot it, and when the graph is gone: what
    people decide is not taken back. One that cannot be started, for want of room, is tried again as well.

    Args:
        runtime: executes.
        graph_id: the loaded graph.
        key: what the catalog calls it, for the log.
        backoff: says how long to wait after a failure.
        tried: is called when it runs, or has failed to.
        heritage: of the revision before; it is for the first attempt, because nobody is charged with it.
    """
    while True:
        began = trio.current_time()
        try:
            try:
                execution = await runtime.execute(graph_id, heritage=heritage)
            finally:
                heritage = None
                tried()
            ended = await runtime.execution(execution.id).wait_finished()
        except NotFoundError:
            return
        except EngineError as error:
            reason = str(error)
        else:
            if ended.state is not ExecutionState.FAILED:
                log.info("at rest", graph=key, execution=ended.id, state=ended.state.value)
                return
            reason = ended.error.message if ended.error is not None else "it failed"
        if trio.current_time() - began >= STEADY_SECONDS:
            backoff.reset()
        wait = backoff.next_seconds()
        log.warning("executed again", graph=key, reason=reason[:300], in_seconds=round(wait, 3))
        await trio.sleep(wait)
