"""Readiness to take work: asked by routes, live clients and admission; withdrawn when the end begins."""

import trio

from engine.memory.ledger import Ledger
from service.problems import StoppingError
from service.siblings.status import Siblings


class Readiness:
    """The service's readiness to take work. It is ready from its making until ``withdraw``.

    Args:
        siblings: what is known of the services beside this one; none where it runs alone.
        ledger: of the memory that callers cause; where it is shut, nothing new is taken in.

    Attributes:
        refused_files: how many of the files that the service was given are refused as they are.
    """

    def __init__(self, siblings: Siblings | None = None, ledger: Ledger | None = None) -> None:
        self.ready = True
        self.refused_files = 0
        self._ledger = ledger
        self.siblings = siblings or Siblings()
        self._began = trio.current_time()

    def withdraw(self) -> None:
        """Withdraw the service: it is coming to its end from now on."""
        self.ready = False

    @property
    def memory_complaint(self) -> str:
        """The reason why there is no memory for anything new; empty where there is some."""
        return "" if self._ledger is None else self._ledger.shut_for

    def check(self) -> None:
        """See that the service takes work.

        Raises:
            StoppingError: it takes no more.
        """
        if not self.ready:
            raise StoppingError("The service is stopping and takes no more work")

    def uptime_seconds(self) -> float:
        """Seconds since the service began."""
        return round(trio.current_time() - self._began, 3)
