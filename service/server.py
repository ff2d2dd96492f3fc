"""The server: a socket, the application on Hypercorn, and an orderly end.

The end has two degrees. At the first SIGTERM or Ctrl-C the service stops taking work, tells so on its health
routes, lets the running executions drain, and leaves; all of it within ``DRAIN_SECONDS``. At the second it leaves
at once.
"""

import errno
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import structlog
import trio

from engine.contracts.surroundings import Vault
from engine.errors import EngineError
from engine.runtime import Runtime, open_runtime
from service.app import create_app
from service.asgi.open_files import room_for_connections
from service.asgi.request_tasks import FastPathConfig
from service.asgi.serving import BACKLOG, serve_http
from service.auth.opening import open_authenticator
from service.catalog.opening import open_catalog
from service.folders.keeper import FolderPlan
from service.folders.opening import open_folders
from service.keeping import go_on, open_keeper, restore, restore_rest
from service.layers import layers, within
from service.live.opening import open_live
from service.memory.guard import MemoryGuard
from service.memory.request_memory import UnderWay
from service.memory.resident import available_bytes
from service.metrics_page import Metrics
from service.network.opening import open_network
from service.observability.logs import LoggingObserver
from service.observability.loop_lag import measure_lag
from service.observability.request_observer import RequestObserver
from service.observability.spans import Spans, open_spans
from service.outbound.backend import Resolve
from service.outbound.clients import open_outside
from service.outbound.source_fetcher import SourceFetcher
from service.outbound.trace_header import traced
from service.readiness import Readiness
from service.settings.table import NO_DATABASE, Settings
from service.telemetry.graph_reports import GraphReports
from service.telemetry.opening import open_telemetry
from service.version import version
from service.watchdog.exit_watchdog import open_last_resort
from service.watchdog.stall_log import log_stalls
from service.watchdog.watchdog import open_watchdog

UNREAD_SECONDS = 60
"""The time for which a caller may leave a reply unread before the connection is cut; otherwise they hold it for
ever."""

CLOSING_SECONDS = 2.0
"""The time that requests under way may take when everything else has ended."""

log = structlog.get_logger("service")


class ListenError(Exception):
    """The address cannot be served; the message says which, why, and what to do."""


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket; port 0 takes any free port.

    Raises:
        ListenError: the port is in use or not allowed, or the host is not an address of this machine.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise ListenError(f"HOST={host} is no address of this machine: {error}") from error
    listener = socket.socket(family, kind)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # accepted sockets inherit it
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_SECONDS * 1000)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ListenError(_listen_complaint(error, host, port)) from error
    return listener


def _listen_complaint(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is in use already: stop what uses it, or choose another with --port or PORT"
    if error.errno == errno.EACCES:
        return f"Port {port} on {host} is not allowed to this user: choose one above 1023 with --port or PORT"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is no address of this machine: choose another with --host or HOST"
    return f"Cannot serve on {host} port {port}: {error.strerror}"


def url_of(listener: socket.socket) -> str:
    """Return the URL at which programs of this machine reach a listening socket."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  compared with, not bound to
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve(
    settings: Settings,
    listener: socket.socket,
    announce: Callable[[str], None],
    vault: Vault | None = None,
    plan: FolderPlan | None = None,
) -> None:
    """Serve until a signal comes; ``announce`` is called with the URL once requests are answered.

    ``vault`` has the variables and secrets that graphs may name; there are none when it is absent. What is in the
    files of the ``plan`` is loaded before anything is announced.
    """
    ending_seconds = settings.executions.drain_seconds + 4 * CLOSING_SECONDS
    if settings.database_url:
        log.warning("state is kept in memory", reason=f"DATABASE_URL is set, and {NO_DATABASE}")
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with (
            open_watchdog(ending_seconds, CLOSING_SECONDS),
            open_last_resort() as end_after,
            trio.open_nursery() as nursery,
        ):
            told_to_stop = trio.Event()

            async def watch_signals() -> None:
                async for number in signals:
                    log.info("signal", name=signal.Signals(number).name, again=told_to_stop.is_set())
                    if told_to_stop.is_set():
                        end_after(CLOSING_SECONDS)
                        nursery.cancel_scope.cancel()
                    else:
                        end_after(ending_seconds)
                        told_to_stop.set()

            nursery.start_soon(watch_signals)
            nursery.start_soon(log_stalls, settings.log.stall_ms / 1000)
            reports = GraphReports()
            async with (
                open_spans(settings.tracing.endpoint) as spans,
                open_configured_runtime(settings, reports=reports, vault=vault) as runtime,
            ):
                await serve_runtime(runtime, settings, listener, announce, told_to_stop, spans, reports, plan)
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def open_configured_runtime(
    settings: Settings,
    resolve: Resolve | None = None,
    reports: GraphReports | None = None,
    vault: Vault | None = None,
) -> AsyncIterator[Runtime]:
    """Open a runtime as the settings ask for it.

    Args:
        settings: how the service runs.
        resolve: finds the addresses of the hosts of outgoing requests; the machine's resolver when absent.
        reports: takes what graphs report; it is only counted when absent.
        vault: the variables and secrets that graphs may name; none when absent.
    """
    limits = settings.engine_limits()
    outside = open_outside(settings.outbound.mode, settings.outbound.rules(), resolve)
    async with (
        open_keeper(settings.keeping) as keeper,
        open_runtime(
            limits=limits,
            cache_folder=settings.cache_folder,
            open_http_client=traced(outside.open_client),
            fetch_source=SourceFetcher(outside.open_source_client),
            maximum_guest_limits=settings.guest.limits(),
            sink=reports,
            chaining=settings.executions.chaining,
            worker_bounds=settings.workers.bounds(),
            compiler_processes=settings.workers.compiler_processes,
            keeper=keeper,
            vault=vault,
        ) as runtime,
    ):
        await restore(runtime)
        yield runtime


async def serve_runtime(
    runtime: Runtime,
    settings: Settings,
    listener: socket.socket,
    announce: Callable[[str], None],
    told_to_stop: trio.Event,
    spans: Spans | None = None,
    reports: GraphReports | None = None,
    plan: FolderPlan | None = None,
) -> None:
    """Serve a runtime on a listening socket, which it takes over, until told to stop; then end in good order."""
    logging = LoggingObserver()
    runtime.observe(logging)
    if spans is not None:
        runtime.observe(spans.observer(settings.tracing.calls_per_second))
    readiness = Readiness(ledger=runtime.ledger)
    metrics = Metrics(runtime, readiness)
    url = url_of(listener)
    closing = trio.Event()
    async with (
        open_authenticator(settings.identity) as authenticator,
        open_telemetry(settings, readiness.siblings, reports) as telemetry,
        open_network(runtime, settings, readiness.siblings, url) as network,
        open_live(runtime, settings, readiness, authenticator) as live,
        trio.open_nursery() as measuring,
    ):
        metrics.live = live.clients.counters
        app = create_app(runtime, settings, readiness, authenticator, metrics, network)
        observers: list[RequestObserver] = [] if telemetry is None else [telemetry.requests]
        observers += [] if network.requests is None else [network.requests]
        around = layers(
            app,
            live,
            UnderWay(runtime.ledger),
            metrics.http,
            spans,
            timeout_seconds=settings.http.request_timeout_seconds,
            observers=observers,
        )
        await go_on(runtime)  # what watches executions is there, and nobody is served yet
        measuring.start_soon(logging.warn_of_drops)
        measuring.start_soon(restore_rest, runtime)
        measuring.start_soon(measure_lag, metrics.lags)
        most_bytes = settings.memory.most_resident_bytes(available_bytes())
        if most_bytes:
            measuring.start_soon(MemoryGuard(runtime.ledger, most_bytes).run)
        async with trio.open_nursery() as nursery:
            config = FastPathConfig(app.fast_path.takes, room_for_connections(settings.http.max_connections))
            config.websocket_max_message_size = settings.live.max_frame_bytes
            serving = partial(serve_http, closing_seconds=CLOSING_SECONDS)
            await nursery.start(serving, within(around, app), listener, closing, config)
            async with (
                open_folders(runtime, plan or FolderPlan(), readiness),
                open_catalog(runtime, settings.catalog, readiness.siblings),
            ):
                announce(url)
                if telemetry is not None:
                    telemetry.requests.started(version(), url)
                await told_to_stop.wait()
            readiness.withdraw()
            left = logging.unprocessed
            await _drain(runtime, settings.executions.drain_seconds)
            await live.dismiss()
            closing.set()
        measuring.cancel_scope.cancel()  # not before: the replies under way are inside of its scope
    left = logging.unprocessed - left
    if left:
        log.warning("stopped", unprocessed=left)
    else:
        log.info("stopped")


async def _drain(runtime: Runtime, seconds: float) -> None:
    """Let what runs come to its end; whatever still runs after the deadline, the closing runtime ends.

    Durable executions come to no end: the closing runtime brings them to rest, and they go on after a restart.
    """
    running = [each for each in runtime.underway() if not runtime.execution(each).is_durable]
    if running:
        log.info("draining", executions=len(running), seconds=seconds)
    with trio.move_on_after(seconds):
        async with trio.open_nursery() as nursery:
            for execution_id in running:
                nursery.start_soon(_stop, runtime, execution_id)


async def _stop(runtime: Runtime, execution_id: str) -> None:
    try:
        await runtime.execution(execution_id).stop(drain=True)
    except EngineError as error:  # it ended by itself in the meantime
        log.debug("not drained", execution=execution_id, reason=str(error))
