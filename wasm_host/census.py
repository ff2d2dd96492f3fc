"""How many guests of a host are alive."""

from __future__ import annotations

from wasm_host.errors import TooManyInstances

__all__ = ["Census"]


class Census:
    """Counts guests, and refuses one too many. Shared by all guests of a host, on one event loop."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.alive = 0

    def admit(self) -> None:
        """Counts one more. Raises TooManyInstances."""
        if self.alive >= self._most:
            raise TooManyInstances(
                f"{self._most:,} instances are alive, as many as this host may have; stop an execution first"
            )
        self.alive += 1

    def dismiss(self) -> None:
        """Counts one less."""
        self.alive -= 1
