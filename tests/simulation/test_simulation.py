"""The short simulation, its own repeatability, and the proof that it would notice a broken engine."""

import pytest

from tests.simulation.lives import live
from tests.simulation.mutations import CHAIN_MUTATIONS, MUTATIONS, POLICY_MUTATIONS, broken
from tests.simulation.plan import BROKEN_SEEDS, is_policed
from tests.simulation.run import simulate

SEEDS_OF_A_SLICE = 60
FIRST_SEEDS = range(0, 300, SEEDS_OF_A_SLICE)

FORKED_SEEDS = 8
LIVED_SEEDS = (5, 21)
"""Seeds in which a restart broke a promise once."""

CHANGED_SEEDS = {True: (83, 153, 193, 273, 508, 643, 3024), False: (1, 9, 93, 362, 618, 956)}
"""Seeds in which a reload broke a promise once, of graphs that are mostly runs of nodes, and of others."""


@pytest.mark.parametrize("chaining", [True, False])
@pytest.mark.parametrize("first", FIRST_SEEDS)
def test_random_graphs_under_random_commands_keep_every_promise(first: int, chaining: bool) -> None:
    """No run of these seeds breaks an invariant, whether nodes run as one or each alone."""
    for seed in range(first, first + SEEDS_OF_A_SLICE):
        report = simulate(seed, chaining=chaining)
        assert not report.violations, f"replay: python -m tests.simulation --seed {seed}\n{report.violations}"


@pytest.mark.parametrize("chaining", [True, False])
@pytest.mark.parametrize("first", FIRST_SEEDS)
def test_runs_of_nodes_keep_every_promise(first: int, chaining: bool) -> None:
    """As above, with graphs that are mostly runs of nodes."""
    for seed in range(first, first + SEEDS_OF_A_SLICE):
        report = simulate(seed, chaining=chaining, runs=True)
        assert not report.violations, (
            f"replay: python -m tests.simulation --runs --seed {seed}\n{report.violations}"
        )


@pytest.mark.parametrize("runs", [False, True])
@pytest.mark.parametrize("chaining", [True, False])
def test_executions_that_go_on_from_checkpoints_keep_every_promise(chaining: bool, runs: bool) -> None:
    """As above, with executions that are killed now and then and go on from a checkpoint."""
    for seed in range(FORKED_SEEDS):
        report = simulate(seed, chaining=chaining, runs=runs, forks=True)
        assert not report.violations, (
            f"replay: python -m tests.simulation --forks --seed {seed}\n{report.violations}"
        )


@pytest.mark.parametrize("runs", [True, False])
def test_executions_that_are_changed_while_they_run_keep_every_promise(runs: bool) -> None:
    """As above, with somebody who reloads components and the graph at random, tries, and goes back."""
    for seed in CHANGED_SEEDS[runs]:
        report = simulate(seed, runs=runs, changes=True)
        assert not report.violations, (
            f"replay: python -m tests.simulation --changes --seed {seed} (runs: {runs})\n{report.violations}"
        )


@pytest.mark.parametrize("seed", LIVED_SEEDS)
def test_durable_executions_outlive_their_processes(seed: int) -> None:
    """Nothing accepted is lost or there twice, and what was told holds, whenever it is killed."""
    lived = live(seed)
    assert not lived.violations, f"replay: python -m tests.simulation --lives --seed {seed}\n{lived.violations}"


def test_a_seed_replays_its_run() -> None:
    """The same seed does the same in the same order, and another one does not."""
    digests = [simulate(seed).digest for seed in (7, 8, 7)]
    assert digests[0] == digests[2]
    assert digests[0] != digests[1]


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_the_simulation_notices_a_broken_engine(mutation: str) -> None:
    """With one promise broken, some run of the first seeds has a violation."""
    with broken(mutation):
        assert any(simulate(seed).violations for seed in range(BROKEN_SEEDS))


@pytest.mark.parametrize("mutation", CHAIN_MUTATIONS)
def test_the_simulation_notices_a_broken_chain(mutation: str) -> None:
    """The same for what concerns nodes that run as one, with graphs that are mostly runs of them."""
    with broken(mutation):
        assert any(simulate(seed, runs=True).violations for seed in range(2 * BROKEN_SEEDS))


@pytest.mark.parametrize("mutation", POLICY_MUTATIONS)
def test_the_simulation_notices_a_broken_policy(mutation: str) -> None:
    """The same for what concerns edges with policies, with graphs that have some."""
    with broken(mutation):
        assert any(simulate(seed, runs=True).violations for seed in range(2 * BROKEN_SEEDS) if is_policed(seed))
