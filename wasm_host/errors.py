"""Everything that can go wrong in the sandbox, named by whose fault it is.

SandboxError
├── ProgramError              the author's: the source cannot be compiled, or yields no handler
├── InitializeError           the author's: the handler's initialize threw
├── ModuleError               the author's: a WebAssembly module that cannot be a guest
├── GuestFault                the running code's: its guest had to be destroyed
│   ├── LimitExceeded         it used more than it may (the limit has a name and a value)
│   │   ├── CpuLimitExceeded
│   │   ├── WallTimeExceeded
│   │   ├── MemoryLimitExceeded
│   │   ├── StackLimitExceeded
│   │   └── OutputLimitExceeded
│   ├── GuestTrapped          it executed an illegal WebAssembly operation, or gave up
│   └── ProtocolViolation     it answered something that the guest ABI does not allow
├── TooManyInstances          the callers', together: the host has as many guests as it may
├── SandboxClosed             the caller's: a sandbox was used after close() or discard()
└── HostError                 ours, or the machine's: no guest, an unsafe cache folder, a failed build
"""

from __future__ import annotations

import msgspec

__all__ = [
    "CpuLimitExceeded",
    "GuestError",
    "GuestFault",
    "GuestTrapped",
    "HostError",
    "InitializeError",
    "LimitExceeded",
    "MemoryLimitExceeded",
    "ModuleError",
    "OutputLimitExceeded",
    "ProgramError",
    "ProtocolViolation",
    "SandboxClosed",
    "SandboxError",
    "StackLimitExceeded",
    "TooManyInstances",
    "WallTimeExceeded",
]


class GuestError(msgspec.Struct, frozen=True):
    """What one invocation failed with: a thrown value, or a fault of its guest."""

    name: str
    message: str
    stack: str = ""


class SandboxError(Exception):
    """Whatever the sandbox raises; see the tree at the head of this file."""

    @property
    def error(self) -> GuestError:
        """The same as a value, for the invocation that it ended."""
        return GuestError(type(self).__name__, str(self))


class ProgramError(SandboxError):
    """The author's source cannot be used as written.

    `line` and `column` count from 1 in the author's text; None when the fault has no place.
    """

    def __init__(self, cause: GuestError, line: int | None = None, column: int | None = None) -> None:
        super().__init__(cause.message)
        self.cause = cause
        self.line = line
        self.column = column

    @property
    def error(self) -> GuestError:
        """What the guest reported about the source."""
        return self.cause


class InitializeError(SandboxError):
    """The handler's initialize threw, or its promise never settles."""

    def __init__(self, cause: GuestError) -> None:
        super().__init__(f"initialize failed: {cause.name}: {cause.message}")
        self.cause = cause

    @property
    def error(self) -> GuestError:
        """What initialize threw."""
        return self.cause


class ModuleError(SandboxError):
    """A WebAssembly module is not a guest: invalid, with imports, or without an export of the ABI."""


class GuestFault(SandboxError):  # noqa: N818 - a fault is what the guest has, not what we raise it for
    """A guest had to be destroyed; its sandbox opens another for the next message."""


class LimitExceeded(GuestFault):
    """A guest used more than it may.

    `limit` names the field of GuestLimits, `value` is what it allows.
    """

    def __init__(self, message: str, limit: str, value: int) -> None:
        super().__init__(message)
        self.limit = limit
        self.value = value


class CpuLimitExceeded(LimitExceeded):
    """One invocation computed for too long."""


class WallTimeExceeded(LimitExceeded):
    """One invocation took too long on the clock, its waits for a turn included."""


class MemoryLimitExceeded(LimitExceeded):
    """The guest was refused memory and did not recover."""


class StackLimitExceeded(LimitExceeded):
    """The guest recursed deeper than its stack."""


class OutputLimitExceeded(LimitExceeded):
    """One call wrote more than the host is willing to read."""


class GuestTrapped(GuestFault):
    """The guest executed an illegal operation, or returned that it cannot go on."""


class ProtocolViolation(GuestFault):
    """The guest answered something that the ABI does not allow."""


class TooManyInstances(SandboxError):  # noqa: N818 - a state of the host, not a mistake of this caller
    """The host has as many guests alive as it may; this one was not opened."""


class SandboxClosed(SandboxError):  # noqa: N818 - a state, not a mistake of its own
    """The sandbox was closed or discarded, and cannot run anything any more."""


class HostError(SandboxError):
    """The host itself cannot work: its guest is missing, its cache is unsafe, a build failed."""
