"""The reasons for which a simulated execution may end, and when: kept by whoever acts, compared at the end."""

import math
from typing import Any

import trio

from proto.execution import ExecutionSnapshot
from tests.simulation.plan import Plan

SLACK_SECONDS = 0.01
"""What a deadline may be missed by: the clock jumps from deadline to deadline."""


class Endings:
    """What one run may come to.

    Args:
        plan: of the run.

    Attributes:
        is_told: somebody has said that no more input is coming, and was heard.
        is_cut: somebody has stopped it at once, or ended the whole runtime.
        drains: when somebody asked it to drain, in seconds of the clock.
        active: when the last injection that was accepted came, or the last resume of one that was open.
        has_begun: an injection was accepted.
        is_paused_open: when it was paused, more input could come.
        has_parted_request: the end has cut off a request of which something was accepted.
        first_fatal: the node whose error was the first that must fail the execution.
    """

    def __init__(self, plan: Plan) -> None:
        self.is_told = self.is_cut = False
        self.drains: list[float] = []
        self.active = -math.inf
        self.first_fatal = ""
        self.has_begun = False
        self.is_paused_open = False
        self.has_parted_request = False
        self._plan = plan
        self._pumps = any(node["component"] == "pump" for node in plan.document["nodes"])
        self._began = self._ended = 0.0
        is_asked = plan.document["metadata"].get("role") == "pipeline"
        pumps = any(node["component"] == "pump" for node in plan.document["nodes"])
        default = "continue" if is_asked or pumps else "fail"
        caught = {edge["source"]["node"] for edge in plan.document["edges"] if edge["source"]["port"] == "error"}
        nodes: list[dict[str, Any]] = plan.document["nodes"]
        self._policies = {
            node["id"]: "continue" if node["id"] in caught else node.get("onError", default) for node in nodes
        }

    def begin(self) -> None:
        """The execution begins."""
        self._began = trio.current_time()

    def note_failed(self, node_id: str) -> None:
        """An invocation has failed; unless its node tries again, this may be the end."""
        if self._policies[node_id] == "fail":
            self.first_fatal = self.first_fatal or node_id

    def note_end(self) -> None:
        """A terminal state has been shown."""
        self._ended = trio.current_time()

    def violations(self, snapshot: ExecutionSnapshot) -> list[str]:
        """What is wrong with how it has ended, and when."""
        check = {"completed": self._completed, "cancelled": self._cancelled, "failed": self._failed}
        if snapshot.state not in check:
            return [f"the run is over, and its execution is {snapshot.state}"]
        wrong = check[str(snapshot.state)](snapshot)
        if self.first_fatal and snapshot.state != "failed":
            wrong.append(f"{self.first_fatal} failed, and the execution is {snapshot.state}")
        limit = self._plan.timeout_ms / 1000 or math.inf
        lasted = self._ended - self._began
        if lasted > limit + self._plan.limits.cleanup_seconds + SLACK_SECONDS:
            wrong.append(f"it lasted {lasted} seconds, and may last {limit}")
        return wrong

    def _completed(self, snapshot: ExecutionSnapshot) -> list[str]:
        del snapshot
        if self.has_parted_request:
            return ["it completed while a request was being taken in"]
        if self.is_told:
            return []
        if self._plan.completion != "auto":
            return ["it completed, and nobody had told it to"]
        if self._pumps:  # it ends with these, however short that is after an injection
            return []
        quiet = self._ended - self.active
        if quiet < self._plan.limits.completion_grace_ms / 1000 - SLACK_SECONDS:
            return [f"it completed by itself {quiet} seconds after an injection or a resume"]
        return []

    def _cancelled(self, snapshot: ExecutionSnapshot) -> list[str]:
        del snapshot
        if self.is_cut:
            return []
        given = self._plan.limits.stop_seconds * 0.75
        if not self.drains or self._ended < min(self.drains) + given - SLACK_SECONDS:
            return [f"it was cancelled, and nobody had stopped it; asked to drain: {self.drains}"]
        return []

    def _failed(self, snapshot: ExecutionSnapshot) -> list[str]:
        error = snapshot.error
        if error is None:
            return ["it failed without an error"]
        if "(timeoutMs)" in error.message:
            is_due = self._ended - self._began >= self._plan.timeout_ms / 1000 - SLACK_SECONDS
            return [] if self._plan.timeout_ms and is_due else ["it failed by its timeout, before that was over"]
        if "failed to initialize" in error.message or error.node_id is None:
            return []
        policy = self._policies[error.node_id]
        if policy == "continue":
            return [f"it failed by an error of {error.node_id}, which goes on"]
        if policy == "fail" and error.node_id != self.first_fatal:
            return [f"its error is of {error.node_id}, and the first was of {self.first_fatal}"]
        return []
