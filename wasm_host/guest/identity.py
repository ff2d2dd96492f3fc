"""Who a component instance is, as its own code may read it."""

import msgspec


class Identity(msgspec.Struct, frozen=True):
    """Who a component instance is; it can read this from its context."""

    execution_id: str = ""
    node_id: str = ""
    instance_id: str = ""
