"""Graphs and their executions. Knows no HTTP server, and of the sandbox its door alone.

How the rooms lie, the highest first; each imports only from below (docs/architecture.md says more of them):

    replaying/    recordings run again, and compared
    testing/      for authors: a component or a graph under its cases
    runtime, handle, views, library, totals, history    the door, what is handed out there, what is loaded and kept
    running/      all executions: put together, started, known, and gone on with after a restart
    loaded_graphs, graph_finder, versions    the graphs that are loaded, those that others name, and those before
    own_components    the components that owners registered, and the graphs that follow them
    keeping/, restoring    what outlives the process, and the start from it
    debugging/, edge_handle    breakpoints of running executions, and commands to their edges
    durability/   executions that go on after a restart
    reload/       changes of what a running execution runs
    routine/      a front-end language: steps in plain words that compile to graphs
    execution/    one running graph: its tasks, its queues, its end
    journal/      what happens in an execution, noted, kept and read
    compile/      from a document to a graph that can run
    components/   where components come from; only these know the sandbox
    builtin/      the components that are always there           schemas/  JSON Schemas of ports
    checkpoint/   a running execution at one moment, as a value and as bytes
    contracts/    what components and observers implement, and what they are given
    documents/, memory/, cooperative/, counters/, errors, limits, quota, token_bucket, wall_clock      for all

What other programs may rely on is named here, and can be imported from here: ``from engine import open_runtime``.
It is imported when it is asked for: worker processes import modules of this package, and no event loop.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.contracts.handler import HandlerError as HandlerError
    from engine.contracts.handler import LogLine as LogLine
    from engine.contracts.handler import Message as Message
    from engine.contracts.observer import ExecutionObserver as ExecutionObserver
    from engine.contracts.observer import FlowObserver as FlowObserver
    from engine.contracts.observer import HandlerCall as HandlerCall
    from engine.contracts.reports import MetricPoint as MetricPoint
    from engine.contracts.reports import Sink as Sink
    from engine.contracts.reports import SinkLine as SinkLine
    from engine.errors import ConflictError as ConflictError
    from engine.errors import EngineError as EngineError
    from engine.errors import InvalidError as InvalidError
    from engine.errors import NotFoundError as NotFoundError
    from engine.errors import OverloadedError as OverloadedError
    from engine.handle import ExecutionHandle as ExecutionHandle
    from engine.limits import EngineLimits as EngineLimits
    from engine.runtime import Runtime as Runtime
    from engine.runtime import open_runtime as open_runtime
    from engine.testing.workbench import open_workbench as open_workbench

_PLACES = {
    "engine.contracts.handler": ("HandlerError", "LogLine", "Message"),
    "engine.contracts.observer": ("ExecutionObserver", "FlowObserver", "HandlerCall"),
    "engine.contracts.reports": ("MetricPoint", "Sink", "SinkLine"),
    "engine.errors": ("ConflictError", "EngineError", "InvalidError", "NotFoundError", "OverloadedError"),
    "engine.handle": ("ExecutionHandle",),
    "engine.limits": ("EngineLimits",),
    "engine.runtime": ("Runtime", "open_runtime"),
    "engine.testing.workbench": ("open_workbench",),
}
"""The public names by the module that defines them; the same as above, where type checkers look."""

_MODULES = {name: module for module, names in _PLACES.items() for name in names}


def __dir__() -> list[str]:
    return sorted(_MODULES)


if not TYPE_CHECKING:  # a type checker is to find only what is named above

    def __getattr__(name: str) -> object:
        """Import a public name from where it is defined."""
        module = _MODULES.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(module), name)
