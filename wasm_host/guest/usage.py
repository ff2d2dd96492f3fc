"""The number of a host's guests that are alive, and what all of them have used so far."""

from typing import NamedTuple, Protocol

from wasm_host.errors import TooManyInstancesError


class Counters(Protocol):
    """The owner of a sandbox, and its use, which only grows."""

    owner: str
    calls: int
    slices: int
    cpu_seconds: float


class HostStatistics(NamedTuple):
    """A snapshot of what all guests of a host used since it was opened, those that are gone included."""

    alive: int
    """Instances alive now."""
    calls: int
    """Guest calls, of all exports."""
    slices: int
    """Time slices begun; a call that ends within a millisecond takes one."""
    restarts: int
    """Guests that had to be destroyed in the middle of something."""
    cpu_seconds: float
    """Time spent running guest code."""


class GuestUsage:
    """A count of guests, which refuses one too many. Shared by all guests of a host, on one event loop.

    Calls are counted where they are made, in the sandbox's own counters; here they are only added up, when a
    guest goes and when somebody asks, so that a call costs nothing more.

    Args:
        most: instances of all owners
        owner_most: instances of one owner; 0 for no bound
    """

    def __init__(self, most: int, owner_most: int = 0) -> None:
        self._most = most
        self._owner_most = owner_most
        self._alive_of: dict[str, int] = {}
        self._living: dict[Counters, tuple[int, int, float, int]] = {}
        self._calls = 0
        self._slices = 0
        self._cpu_seconds = 0.0
        self.alive = 0
        self.restarts = 0

    def admit(self, counters: Counters, instances: int = 1) -> None:
        """Count one guest more, whose calls are counted in ``counters``; a chain's is several instances.

        Raises:
            TooManyInstancesError: as many are alive as may be, of all or of its owner.
        """
        own = self._alive_of.get(counters.owner, 0)
        if self._owner_most and own + instances > self._owner_most:
            raise TooManyInstancesError(
                f"{own:,} instances of this owner are alive, and {self._owner_most:,} are allowed; "
                "stop an execution first"
            )
        if self.alive + instances > self._most:
            raise TooManyInstancesError(
                f"{self._most:,} instances are alive, as many as this host may have; stop an execution first"
            )
        self.alive += instances
        self._alive_of[counters.owner] = own + instances
        # A sandbox has one guest at a time.
        self._living[counters] = (counters.calls, counters.slices, counters.cpu_seconds, instances)

    def dismiss(self, counters: Counters) -> None:
        """Count it no more, and keep what it used."""
        calls, slices, cpu_seconds, instances = self._living.pop(counters)
        self.alive -= instances
        left = self._alive_of.pop(counters.owner) - instances
        if left:
            self._alive_of[counters.owner] = left
        self._calls += counters.calls - calls
        self._slices += counters.slices - slices
        self._cpu_seconds += counters.cpu_seconds - cpu_seconds

    def statistics(self) -> HostStatistics:
        """Return what all guests have used until now."""
        calls, slices, cpu_seconds = self._calls, self._slices, self._cpu_seconds
        for counters, (calls_before, slices_before, cpu_seconds_before, _) in self._living.items():
            calls += counters.calls - calls_before
            slices += counters.slices - slices_before
            cpu_seconds += counters.cpu_seconds - cpu_seconds_before
        return HostStatistics(self.alive, calls, slices, self.restarts, cpu_seconds)
