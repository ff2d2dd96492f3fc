"""A small Identity: a real HTTP server on a real port that answers as the platform's does, or misbehaves if told.

    async with serving_identity() as identity:
        token = identity.add_user("alice", "org-a")
        ...                                   # a service with IDENTITY_SERVICE_URL=identity.url
        identity.behaviour = "status 500"     # from now on

It counts what it is asked, so that a test can say how often somebody had to.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Literal, get_args

import trio

Misbehaviour = Literal[
    "silent",
    "hangs up",
    "half an answer",
    "no HTTP",
    "garbage",
    "wrong shape",
    "wrong types",
    "endless",
    "status 500",
    "status 503",
    "status 429",
    "status 404",
    "redirects",
]
Behaviour = Literal["well", "refuses"] | Misbehaviour

MISBEHAVIOURS: tuple[Misbehaviour, ...] = get_args(Misbehaviour)
"""Everything after which nobody knows whose a credential is."""

_WRONG: dict[str, Any] = {
    "/api/auth/introspect": {"active": True, "type": "user", "sub": 7, "organizations": "org-a"},
    "/api/auth/verify-api-key": {"valid": "true", "keyId": []},
    "/api/users/me": {"id": {"nested": True}},
}


class FakeIdentity:
    """What it knows, how it behaves, and what it was asked: (path, body or cookie) of each request."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.behaviour: Behaviour = "well"
        self.questions: list[tuple[str, Any]] = []
        self.tokens: dict[str, dict[str, Any]] = {}
        self.api_keys: dict[str, dict[str, Any]] = {}
        self.sessions: dict[str, dict[str, Any]] = {}
        self.documents: dict[str, Any] = {}
        """What else it publishes, by path."""
        self.waiting = 0
        self.most_waiting = 0
        self.released = trio.Event()
        """A silent Identity goes on answering as it should once this is set."""

    def add_user(self, name: str, *orgs: str, entitlements: tuple[str, ...] = (), **claims: Any) -> str:
        """A user and its token. Further claims, such as ``isSuperAdmin`` or ``exp``, are kept as they are."""
        token = f"token-of-{name}"
        self.tokens[token] = {
            "active": True,
            "type": "user",
            "sub": f"user-{name}",
            "email": f"{name}@example.org",
            "name": name,
            "isSuperAdmin": False,
            "organizations": [{"id": org, "name": org, "slug": org, "role": "member"} for org in orgs],
            "entitlements": list(entitlements),
            "roles": [],
            "token_type": "Bearer",
            **claims,
        }
        return token

    def add_agent(self, name: str, org: str | None, *capabilities: str) -> str:
        """An agent and its token; like the real ones it lists no organisations."""
        token = f"token-of-{name}"
        agent = {"active": True, "type": "agent", "sub": f"agent:{name}", "agentId": name, "name": name}
        self.tokens[token] = {**agent, "orgId": org, "capabilities": list(capabilities), "token_type": "Bearer"}
        return token

    def add_api_key(self, name: str, org: str | None, *scopes: str, creator: dict[str, Any] | None = None) -> str:
        """An API key; ``creator`` is what is known of whoever made it."""
        key = f"sk_{name.encode().hex():0<64}"
        answer = {"valid": True, "keyId": name, "name": name, "orgId": org, "scopes": list(scopes)}
        self.api_keys[key] = {**answer, "createdBy": None, "creator": creator}
        return key

    def add_session(self, name: str, *orgs: str) -> str:
        """A session that only its cookie proves: introspection does not know it."""
        user = {"id": f"user-{name}", "email": f"{name}@example.org", "name": name, "isSuperAdmin": False}
        session = f"session-of-{name}"
        self.sessions[session] = {**user, "organizations": [{"id": org} for org in orgs], "entitlements": []}
        return session

    def asked(self, path: str) -> int:
        """How often a path was asked."""
        return sum(asked == path for asked, _ in self.questions)

    def answer(self, path: str, body: Any, cookie: str) -> tuple[str, Any]:
        """Status and body, as the real one gives them."""
        if path == "/api/auth/introspect":
            return "200 OK", self.tokens.get(body["token"], {"active": False})
        if path == "/api/auth/verify-api-key":
            return "200 OK", self.api_keys.get(body["apiKey"], {"valid": False, "error": "Invalid API key"})
        if path == "/api/users/me":
            session = self.sessions.get(cookie.partition("=")[2])
            return ("200 OK", session) if session else ("401 Unauthorized", {"message": "Not authenticated"})
        if path in self.documents:
            return "200 OK", self.documents[path]
        return "404 Not Found", {"message": "Not found"}


@asynccontextmanager
async def serving_identity() -> AsyncIterator[FakeIdentity]:
    """A fake Identity on a free port of the loopback interface."""
    async with trio.open_nursery() as nursery:
        identity = FakeIdentity("")
        serve = partial(trio.serve_tcp, partial(_talk, identity), 0, host="127.0.0.1")
        listeners = await nursery.start(serve)
        identity.url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        yield identity
        nursery.cancel_scope.cancel()


async def _talk(identity: FakeIdentity, stream: trio.SocketStream) -> None:
    """One connection, kept alive from question to question."""
    rest = b""
    try:
        while True:
            while b"\r\n\r\n" not in rest:
                received = await stream.receive_some()
                if not received:
                    return
                rest += received
            head, _, rest = rest.partition(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            length = int(headers.get("content-length", "0"))
            while len(rest) < length:
                rest += await stream.receive_some()
            path = first.split(" ")[1]
            body = json.loads(rest[:length]) if length else None
            rest = rest[length:]
            identity.questions.append((path, body if body is not None else headers.get("cookie", "")))
            if not await _reply(identity, stream, path, body, headers.get("cookie", "")):
                await stream.aclose()
                return
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        return  # the client has heard enough


async def _reply(identity: FakeIdentity, stream: trio.SocketStream, path: str, body: Any, cookie: str) -> bool:
    """Send an answer, or what stands for one; whether the connection goes on."""
    behaviour = identity.behaviour
    status, answer = identity.answer(path, body, cookie)
    if behaviour == "silent":
        identity.waiting += 1
        identity.most_waiting = max(identity.most_waiting, identity.waiting)
        await identity.released.wait()
        identity.waiting -= 1
    elif behaviour == "hangs up":
        return False
    elif behaviour == "half an answer":
        await stream.send_all(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"active": tr')
        return False
    elif behaviour == "no HTTP":
        await stream.send_all(b"\x00\xff SSH-2.0-nothing\r\n\r\n")
        return False
    elif behaviour == "endless":
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        while True:
            await stream.send_all(b" " * 65_536)
    elif behaviour == "redirects":
        place = f"Location: {identity.url}/elsewhere"
        await stream.send_all(f"HTTP/1.1 307 Elsewhere\r\n{place}\r\nContent-Length: 0\r\n\r\n".encode())
        return True
    elif behaviour == "refuses":
        status, answer = "401 Unauthorized", {"message": "No"}
    elif behaviour.startswith("status"):
        status, answer = f"{behaviour.removeprefix('status ')} Oops", {"message": "Oops"}
    elif behaviour == "wrong shape":
        answer = ["not", "an", "object"]
    elif behaviour == "wrong types":
        answer = _WRONG[path]
    data = b"<html>surely not JSON</html>" if behaviour == "garbage" else json.dumps(answer).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    await stream.send_all(head.encode() + data)
    return True
