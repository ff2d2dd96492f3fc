"""The errors of the sandbox, named by whose fault they are.

SandboxError
├── ProgramError              the author's: the source cannot be compiled, or yields no handler
├── InitializeError           the author's: the handler's initialize threw
├── ModuleError               the author's: a WebAssembly module that cannot be a guest
├── GuestFaultError           the running code's: its guest had to be destroyed
│   ├── LimitError            it used more than it may (the limit has a name and a value)
│   │   ├── CpuLimitError
│   │   ├── WallTimeError
│   │   ├── MemoryLimitError
│   │   ├── StackLimitError
│   │   └── OutputLimitError
│   ├── GuestTrapError        it executed an illegal WebAssembly operation, or gave up
│   └── ProtocolError         it answered something that the guest ABI does not allow
├── TooManyInstancesError     the callers', together: the host has as many guests as it may
├── SandboxClosedError        the caller's: a sandbox was used after close() or discard()
└── HostError                 ours, or the machine's: no guest, an unsafe cache folder, a failed build

Users read some of them under another name (``reported_as``): those names are part of the public surface.
"""

from typing import ClassVar

import msgspec


class GuestError(msgspec.Struct, frozen=True):
    """The error of one invocation: a thrown value, or a fault of its guest."""

    name: str
    message: str
    stack: str = ""


class SandboxError(Exception):
    """Base of all errors that the sandbox raises; see the tree at the head of this file."""

    reported_as: ClassVar[str] = ""
    """The name that users read; the class's own where it is empty."""

    @property
    def error(self) -> GuestError:
        """The same as a value, for the invocation that it ended."""
        return GuestError(self.reported_as or type(self).__name__, str(self))


class ProgramError(SandboxError):
    """The author's source cannot be used as written.

    ``line`` and ``column`` count from 1 in the author's text; None when the fault has no place.
    """

    def __init__(self, cause: GuestError, line: int | None = None, column: int | None = None) -> None:
        super().__init__(cause.message)
        self.cause = cause
        self.line = line
        self.column = column

    @property
    def error(self) -> GuestError:
        """The guest's report about the source."""
        return self.cause


class InitializeError(SandboxError):
    """The handler's initialize threw, or its promise never settles."""

    def __init__(self, cause: GuestError) -> None:
        super().__init__(f"initialize failed: {cause.name}: {cause.message}")
        self.cause = cause

    @property
    def error(self) -> GuestError:
        """The value that initialize threw."""
        return self.cause


class ModuleError(SandboxError):
    """A WebAssembly module is not a guest: invalid, with imports, or without an export of the ABI."""


class GuestFaultError(SandboxError):
    """A guest had to be destroyed; its sandbox opens another for the next message."""

    reported_as = "GuestFault"


class LimitError(GuestFaultError):
    """A guest used more than it may.

    ``limit`` names the field of ``GuestLimits``, ``value`` is what it allows.
    """

    reported_as = "LimitExceeded"

    def __init__(self, message: str, limit: str, value: int) -> None:
        super().__init__(message)
        self.limit = limit
        self.value = value


class CpuLimitError(LimitError):
    """One invocation computed for too long."""

    reported_as = "CpuLimitExceeded"


class WallTimeError(LimitError):
    """One invocation took too long on the clock, its waits for a turn included."""

    reported_as = "WallTimeExceeded"


class MemoryLimitError(LimitError):
    """The guest was refused memory and did not recover."""

    reported_as = "MemoryLimitExceeded"


class StackLimitError(LimitError):
    """The guest recursed deeper than its stack."""

    reported_as = "StackLimitExceeded"


class OutputLimitError(LimitError):
    """One call wrote more than the host is willing to read."""

    reported_as = "OutputLimitExceeded"


class GuestTrapError(GuestFaultError):
    """The guest executed an illegal operation, or returned that it cannot go on."""

    reported_as = "GuestTrapped"


class ProtocolError(GuestFaultError):
    """The guest answered something that the ABI does not allow."""

    reported_as = "ProtocolViolation"


class TooManyInstancesError(SandboxError):
    """The host has as many guests alive as it may; this one was not opened."""

    reported_as = "TooManyInstances"


class SandboxClosedError(SandboxError):
    """The sandbox was closed or discarded, and cannot run anything any more."""

    reported_as = "SandboxClosed"


class HostError(SandboxError):
    """The host itself cannot work: its guest is missing, its cache is unsafe, a build failed."""
