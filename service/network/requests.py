"""The events about HTTP requests: ``obs.http.request`` and ``obs.http.response``, as the platform sends them.

Probes are left out, and so are deliveries of the Network itself: each of those would cause another. The query of a
request is not told, because secrets travel in there.
"""

from typing import Any

from service.network.events import Sending, SentPayload
from service.network.outbox import NetworkOutbox
from service.observability.request_observer import SeenReply, SeenRequest, is_probe

RECEIVE_PATH = "/api/network/receive"


class RequestEvents:
    """An observer of requests, which makes events of them.

    Args:
        outbox: takes what there is to tell.
        node_id: what this service is called on the Network.
    """

    def __init__(self, outbox: NetworkOutbox, node_id: str) -> None:
        self._outbox = outbox
        self._node_id = node_id

    def began(self, request: SeenRequest) -> None:
        """Tell of the head of a request."""
        if _is_told(request):
            facts = {"ip": request.client or None, "userAgent": request.user_agent or None}
            self._tell("obs.http.request", request, facts)

    def ended(self, request: SeenRequest, reply: SeenReply) -> None:
        """Tell of its end."""
        if _is_told(request):
            facts = {
                "statusCode": reply.status,
                "durationMs": round(reply.seconds * 1000, 3),
                "size": reply.size_bytes or None,
            }
            self._tell("obs.http.response", request, facts)

    def _tell(self, event_type: str, request: SeenRequest, facts: dict[str, Any]) -> None:
        told = {
            "method": request.method,
            "path": request.path,
            **facts,
            "traceId": request.trace_id,
            "caller": request.caller or None,
            "origin": request.origin,
        }
        data = {name: value for name, value in told.items() if value is not None}
        payload = SentPayload(type=event_type, data=data)
        self._outbox.put_news(Sending(payload, self._node_id, request.trace_id, "intra"))


def _is_told(request: SeenRequest) -> bool:
    return not is_probe(request.path) and request.path != RECEIVE_PATH
