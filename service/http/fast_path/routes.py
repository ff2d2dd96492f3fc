"""The layer that answers at once what can be answered at once, and lets the framework answer the rest."""

from typing import Any, cast

import msgspec
from hypercorn.typing import ASGIFramework, ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope

from engine.views import RuntimeView
from service.asgi.access_log import note_rule
from service.asgi.json_reply import encoded_headers, send_json
from service.asgi.request_tasks import WHOLE_BODY
from service.auth.admission import Admission
from service.auth.caller import CURRENT_CALLER
from service.auth.cors import Cors
from service.http.fast_path.headers import Headers
from service.http.fast_path.recognise import FastRequest, recognise
from service.http.routes.health import health_of, liveness_of, readiness_of
from service.http.routes.ingress import delivered
from service.http.routes.injection import CALLER_HEADER, followed, outcome, take_body, wait_of
from service.ingress.delivery import IngressDelivery
from service.memory.request_memory import note_owner
from service.problems import error_reply
from service.readiness import Readiness

NOT_KEPT = "no-cache, no-store, must-revalidate"
"""``Cache-Control`` of what is true only at the moment."""

_CALLER = CALLER_HEADER.encode()
_REQUEST = "symbia.fast_path"
_HEALTH = {"health": health_of, "live": liveness_of, "ready": readiness_of}


class FastPath:
    """The routes whose requests are answered at once.

    Args:
        runtime: as the present caller may see it.
        delivery: to graphs by their names, likewise.
        readiness: whether the service takes work.
        callers: who may come in.
        cors: which pages may read the answers.
        max_body_bytes: that a body may have.
    """

    def __init__(
        self,
        runtime: RuntimeView,
        delivery: IngressDelivery,
        readiness: Readiness,
        callers: Admission,
        cors: Cors,
        *,
        max_body_bytes: int,
    ) -> None:
        self._runtime = runtime
        self._delivery = delivery
        self._readiness = readiness
        self._callers = callers
        self._max_body_bytes = max_body_bytes
        marks = cors.marks(None, "/api/health", "GET")
        self._probe_headers = encoded_headers(marks)
        self._headers = encoded_headers([*marks, ("Cache-Control", NOT_KEPT)])

    def takes(self, scope: HTTPScope) -> bool:
        """Return whether a request will be answered at once if it comes whole; note in the scope what it is."""
        found = recognise(scope, self._max_body_bytes)
        cast("dict[str, Any]", scope)[_REQUEST] = found
        return found is not None

    def before(self, application: ASGIFramework) -> ASGIFramework:
        """Make an application that answers these requests where they came whole; another one answers the rest."""

        async def answer(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
            noted = cast("dict[str, Any]", scope)
            body = noted.get(WHOLE_BODY)
            if body is None or scope["type"] != "http":
                await application(scope, receive, send)
                return
            request: FastRequest = noted[_REQUEST]
            headers: list[tuple[bytes, bytes]] = []
            try:
                reply, status = await self._reply(scope, request, body)
            except Exception as error:  # noqa: BLE001  the table of problems knows them all
                refusal = error_reply(error)
                reply, status = refusal.body, int(refusal.status)
                headers = encoded_headers(refusal.headers.items())
            headers += self._probe_headers if request.rule.startswith("/health") else self._headers
            await send_json(send, status, reply, headers)

        return answer

    async def _reply(self, scope: HTTPScope, request: FastRequest, body: bytes) -> tuple[msgspec.Struct, int]:
        """Return the body of the reply, and its status."""
        headers = Headers(scope["headers"])
        self._callers.check_origin(headers)
        admitted = await self._callers.admit(
            headers, {}, scheme=scope["scheme"], method=scope["method"], rule=request.rule
        )
        note_rule(scope, request.rule)
        try:
            note_owner(scope, CURRENT_CALLER.get().owner)
            if request.kind == "inject":
                execution = self._runtime.execution(request.name)
                wait_ms = wait_of(request.wait_ms, headers.first(_CALLER))
                with followed(execution, wait_ms) as trace:
                    taken = await take_body(execution, body, is_final=False)
                    return await outcome(execution, request.name, taken, wait_ms, trace), 200
            if request.kind == "ingress":
                door = self._delivery.door(request.name)
                return await delivered(self._delivery, door, body, request.wait_ms), 200
            return _HEALTH[request.kind](self._readiness)
        finally:
            CURRENT_CALLER.reset(admitted)  # the task is the connection's, and works for others after this one
