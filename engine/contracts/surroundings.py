"""The surroundings of a graph: variables of the environment, and secrets, each by its name.

What there is of both is the operator's to say, and it may differ from owner to owner. The engine asks when a graph
is loaded and again when it is executed; it keeps no value of a secret but inside the instances that use it.
"""

from collections.abc import Mapping
from typing import Protocol

import msgspec


class Surroundings(msgspec.Struct, frozen=True):
    """The names and values that the graphs of one owner may use.

    Attributes:
        env: variables of the environment.
        secrets: secrets.
        are_known: False where nobody can say what there will be, as when a graph is checked on another machine:
            then every name is taken, and nothing is said of the values.
    """

    env: Mapping[str, str] = {}
    secrets: Mapping[str, str] = {}
    are_known: bool = True

    def __repr__(self) -> str:  # a struct shows its fields, and these must not be shown
        return f"Surroundings({len(self.env)} variables, {len(self.secrets)} secrets)"


NOTHING_AROUND = Surroundings()
"""The surroundings of whoever may use neither variables nor secrets."""

UNKNOWN_SURROUNDINGS = Surroundings(are_known=False)
"""The surroundings where a graph is checked for another place."""


class Vault(Protocol):
    """A keeper of the surroundings of all owners."""

    def of(self, owner: str) -> Surroundings:
        """Return what the graphs of an owner may use; "" is the owner where nobody asks who calls."""


class SameForAll:
    """A vault that gives everybody the same.

    Args:
        surroundings: what it gives.
    """

    def __init__(self, surroundings: Surroundings = NOTHING_AROUND) -> None:
        self._surroundings = surroundings

    def of(self, owner: str) -> Surroundings:
        """Return the same surroundings for every owner."""
        del owner
        return self._surroundings
