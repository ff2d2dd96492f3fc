"""The identity of a component instance, as its own code may read it."""

import msgspec


class Identity(msgspec.Struct, frozen=True):
    """The identity of a component instance; it can read this from its context."""

    execution_id: str = ""
    node_id: str = ""
    instance_id: str = ""
