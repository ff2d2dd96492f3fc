"""All the cases with which the search begins."""

from tests.stalls.cases import Case
from tests.stalls.seeds_graphs import config_cases, graph_cases, schema_cases
from tests.stalls.seeds_programs import life_cases, program_cases
from tests.stalls.seeds_values import message_cases, unfinished_cases, wire_cases


def seeds() -> list[Case]:
    """One list of them."""
    return [
        *message_cases(),
        *wire_cases(),
        *unfinished_cases(),
        *graph_cases(),
        *config_cases(),
        *schema_cases(),
        *program_cases(),
        *life_cases(),
    ]
