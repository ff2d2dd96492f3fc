"""A runtime in which two organisations have one of each, as callers with different rights meet it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from engine.handle import ExecutionHandle
from engine.runtime import Runtime, open_runtime
from proto.execution import ExecuteOptions
from proto.message import Injection
from service.auth.caller import ANONYMOUS, UNRESTRICTED, Caller
from service.auth.scoped_runtime import ScopedExecution, ScopedLibrary, ScopedRuntime
from tests.engine.executions import document
from tests.service.serving import SQUARE

PASS = {**document({"only": "symbia.core.passthrough"}), "name": "pass"}
MANUAL = ExecuteOptions(completion="manual")
MESSAGE = Injection("only", "in", msgspec.Raw(b"1"))

CALLERS = {
    "member": Caller(org="org-a"),
    "onlooker": Caller(org="org-a", changes_own=False),
    "reader of all": Caller(org="org-b", sees_all=True),
    "administrator": Caller(sees_all=True, changes_all=True),
    "unrestricted": UNRESTRICTED,
    "other": Caller(org="org-b"),
    "other onlooker": Caller(org="org-b", changes_own=False),
    "anonymous": ANONYMOUS,
}
"""Who comes to what belongs to org-a, in a runtime where org-b has as much."""

HIDDEN, READ_ONLY, NO_ORGANIZATION = "hidden", "read only", "no organisation"

Given = dict[str, Any]
"""What each caller is given."""


def seen(given: object) -> Given:
    """Whoever sees what belongs to org-a is given this; for others it is not there."""
    return {
        name: given if caller.sees_all or caller.org == "org-a" else HIDDEN for name, caller in CALLERS.items()
    }


def changed(given: object) -> Given:
    """Whoever may change what belongs to org-a is given this; for others it is read only, or not there."""
    return {**seen(given), "onlooker": READ_ONLY, "reader of all": READ_ONLY}


def made(by: Callable[[str], object]) -> Given:
    """Whoever acts for an organisation is given what belongs to it."""
    return {
        "member": by("org-a"),
        "onlooker": READ_ONLY,
        "reader of all": by("org-b"),
        "administrator": NO_ORGANIZATION,
        "unrestricted": by(""),
        "other": by("org-b"),
        "other onlooker": READ_ONLY,
        "anonymous": NO_ORGANIZATION,
    }


def listed(*, of_a: object, of_b: object, of_all: object, of_nobody: object) -> Given:
    """Everybody is given their own part, those above organisations all of it."""
    return {
        "member": of_a,
        "onlooker": of_a,
        "reader of all": of_all,
        "administrator": of_all,
        "unrestricted": of_all,
        "other": of_b,
        "other onlooker": of_b,
        "anonymous": of_nobody,
    }


class World(msgspec.Struct, kw_only=True):
    """A runtime, in which two organisations have one of each, and org-a's as a caller sees it."""

    runtime: Runtime
    scoped: ScopedRuntime
    graph_id: str
    execution_id: str

    @property
    def real(self) -> ExecutionHandle:
        return self.runtime.execution(self.execution_id)

    @property
    def execution(self) -> ScopedExecution:
        return self.scoped.execution(self.execution_id)

    @property
    def library(self) -> ScopedLibrary:
        return self.scoped.library

    async def work(self) -> None:
        """Let a message through, as the owner."""
        await self.real.inject([MESSAGE])
        await self.real.wait_quiescent()


@asynccontextmanager
async def open_world(caller: Caller) -> AsyncIterator[World]:
    """A world as one caller meets it."""
    async with open_runtime() as runtime:
        ids: dict[str, tuple[str, str]] = {}
        for owner in ("org-a", "org-b"):
            await runtime.library.register_component({**SQUARE, "id": "custom.own", "name": owner}, owner=owner)
            graph = await runtime.library.load_graph(PASS, owner=owner)
            ids[owner] = graph.id, (await runtime.execute(graph.id, MANUAL)).id
        graph_id, execution_id = ids["org-a"]
        scoped = ScopedRuntime(runtime, lambda: caller)
        yield World(runtime=runtime, scoped=scoped, graph_id=graph_id, execution_id=execution_id)
