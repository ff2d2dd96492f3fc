"""The names of operations and of parameters in paths, as the platform's clients know them. Pure.

The platform's integrations service makes a tool of each operation, named after its id, and sends what reads like
a call of a language model (``messages``, ``responses``, ``embedding`` in the id) to one. So an id is what that
service makes of an operation without one, of method and path, and its documented tools keep their names:
``graphs_post``, ``executions_inject_post``, ``ingress_post``.
"""

import re

_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
_SHOWN = {"graph_id": "id", "execution_id": "id", "component_id": "id", "graph_name": "graphName"}
"""Names of parameters in routes that are others in the platform's document."""


_RENAMED = {"messages": "waiting"}
"""Words of paths that are others in the ids of operations."""


def shown_path(rule: str) -> str:
    """Return the path of a route's pattern, its parameters in braces."""
    return _PARAMETER.sub(lambda found: f"{{{_SHOWN.get(found[1], found[1])}}}", rule)


def parameters_of(path: str) -> list[str]:
    """Return the names of the parameters in a path."""
    return re.findall(r"{(\w+)}", path)


def operation_id(method: str, path: str) -> str:
    """Return the id of an operation: the words of its path, without parameters, and its method.

    A path that ends in a parameter and is read has the parameter's name in it, so that a list (``graphs_get``) and
    one of its entries (``graphs_id_get``) are two; an entry within another has it in any case. What is called
    ``messages`` there is ``waiting`` in the id: the platform's integrations take an operation with that word for
    one of a language model.

    Args:
        method: of the request.
        path: behind ``/api``, with its parameters in braces.
    """
    parts = path.strip("/").split("/")
    words = [_RENAMED.get(part, re.sub(r"\W", "_", part)) for part in parts if not part.startswith("{")]
    if parts[-1].startswith("{") and (method == "GET" or len(parameters_of(path)) > 1):
        words.append(parts[-1].strip("{}"))
    return "_".join([*words, method.lower()])
