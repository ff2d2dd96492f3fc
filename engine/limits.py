"""The engine's bounds: each with its unit, and why it stands where it stands."""

import msgspec


class EngineLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of one runtime. All of them are enforced; the service makes them settings."""

    max_concurrent_executions: int = 100
    """Executions that have not ended (specification, "Configuration")."""

    default_timeout_ms: float = 300_000
    """Wall time of an execution that asks for no other (specification, "Configuration")."""

    max_held_messages: int = 10_000
    """Messages that a paused execution holds (specification, ``MAX_BACKPRESSURE_QUEUE``)."""

    inbox_messages: int = 1_000
    """Messages that wait before a node. Deep enough for full batches, shallow enough to push back soon."""

    inbox_bytes: int = 16 * 1024 * 1024
    """Bytes that wait before a node: a thousand large messages are not a thousand small ones."""

    batch_messages: int = 64
    """Messages handled in one go. Beyond this, Trio's switch is paid for and only latency would grow."""

    batch_bytes: int = 256 * 1024
    """Values handled in one go, but one message in any case. A large value's cost is its own work and no switch
    that could be shared, and until a batch is done nothing behind it moves: injectors wait, and are refused."""

    value_bytes: int = 10 * 1024 * 1024
    """One JSON value. Larger ones belong into a store, with a reference in the message."""

    graph_nodes: int = 1_000
    """Nodes of a graph: each is a task, and for foreign code an instance of about 0.6 MB."""

    graph_edges: int = 10_000
    """Edges of a graph."""

    graph_depth: int = 8
    """Graphs in one another, the outermost one included: deeper than people nest what they want to follow."""

    graph_bytes: int = 8 * 1024 * 1024
    """The nodes, edges, metadata and bindings of a graph as JSON text, the defaults of its components counted at
    each node that has them: whatever runs the graph holds all of it. As much as the graphs of a routine."""

    graph_values: int = 100_000
    """Names and values in a graph's nodes, metadata and bindings: however short, each takes about 60 bytes."""

    graph_concurrency: int = 1_000
    """Invocations at once that the nodes of a graph may ask for beyond one each; each has a handler of its own."""

    config_bytes: int = 1024 * 1024
    """The configuration of one node, as JSON text."""

    description_characters: int = 10_000
    """A graph's description, which every list of graphs repeats."""

    definition_bytes: int = 256 * 1024
    """A component's definition without its code, as JSON text: ports, schemas, configuration keys, descriptions.
    It is looked at for each node that uses the component, and every list of components repeats it."""

    definition_values: int = 10_000
    """Names and values in it."""

    source_bytes: int = 1024 * 1024
    """The source text of one component."""

    name_characters: int = 200
    """Identifiers and names of nodes, ports, edges, graphs and components."""

    injection_wait_seconds: float = 5.0
    """The longest wait of an injection at a full inbox, until it is refused."""

    completion_grace_ms: float = 2_000
    """Quiet time after which an execution with ``completion: auto`` ends by itself."""

    stop_seconds: float = 5.0
    """The longest time of a ``stop``, cleanup included; a draining stop drains for three quarters of it."""

    cleanup_seconds: float = 1.0
    """The longest time for the cleanup of one instance when its execution ends."""

    finished_executions: int = 1_000
    """Executions kept for inspection after their end; the oldest goes first."""

    log_lines: int = 200
    """Log lines kept per execution for inspection; the oldest goes first."""

    log_bytes: int = 256 * 1024
    """Bytes of the log lines kept per execution; the oldest goes first."""

    breakpoints: int = 32
    """Breakpoints of one execution: more than people keep in their heads. Each with a condition has a guest."""

    kept_outputs: int = 0
    """Values kept of each port that no edge leaves, per execution; the oldest goes first. None by default:
    programs hear of outputs as observers, and values that nobody hears need not leave a guest."""

    kept_output_bytes: int = 256 * 1024
    """Bytes of them per execution; the oldest goes first. As much as of log lines, and for the same reason: a
    hundred executions that hold as much leave two thirds of one owner's memory for work."""

    recordings: int = 100
    """Recordings of one owner that are kept after they have ended; the oldest goes first."""

    recording_bytes: int = 16 * 1024 * 1024
    """Bytes of one recording. One of inputs ends there; of a full one the oldest part goes."""

    owner_recording_bytes: int = 32 * 1024 * 1024
    """Bytes of all recordings of one owner; the oldest goes first. A third of one owner's memory, for without a
    store they are in memory."""

    recording_days: float = 0
    """Days that a recording is kept after it has ended; 0 for no bound."""

    flight_recorder_bytes: int = 0
    """Bytes of the latest records of each execution whose recording nobody has asked for, which are kept when it
    fails; 0 for none. What it costs stands in docs/performance.md."""

    replay_bytes: int = 256 * 1024 * 1024
    """Bytes that a replay keeps of a recording and of what its runs emit, in a process of its own."""

    finished_bytes: int = 32 * 1024 * 1024
    """Bytes kept of executions after their end, of all owners; the oldest of whoever has most goes first."""

    owner_finished_bytes: int = 16 * 1024 * 1024
    """The same of one owner."""

    owner_graphs: int = 1_000
    """Graphs that one owner may have loaded; 0 for no bound. Each may be as large as a request body."""

    owner_components: int = 1_000
    """Components that one owner may have registered; 0 for no bound."""

    kept_versions: int = 20
    """Versions kept of one graph or component, the present one among them; the oldest goes first."""

    kept_version_bytes: int = 8 * 1024 * 1024
    """Bytes of those before the present one: as much as the largest graph. They are charged to their owner."""

    checkpoint_ms: int = 5_000
    """The time between two checkpoints of a durable execution: a restart does again what came after the last."""

    checkpoint_messages: int = 20_000
    """Accepted messages after which one is taken at once: they are done again in well below a second."""

    checkpoint_bytes: int = 16 * 1024 * 1024
    """Bytes of the log of a durable execution after which one is taken at once, so that the log stays small."""

    found_components: int = 500
    """Components that were found elsewhere and are kept compiled; the one that was unused longest goes first."""

    owner_executions: int = 0
    """Executions that one owner may have under way; 0 for as many as there may be at all."""

    owner_instances: int = 0
    """Instances of sandboxed code that one owner may have alive; 0 for as many as there may be at all."""

    owner_bytes_per_second: int = 0
    """Bytes of values that one owner may inject in a second; 0 for no bound."""

    memory_bytes: int = 192 * 1024 * 1024
    """Memory that all owners together may cause (``engine.memory.ledger``); 0 for no bound. With what the program
    itself takes, a machine of 2 GB has most of its memory left for the sandbox and for others."""

    owner_memory_bytes: int = 96 * 1024 * 1024
    """The same for one owner; 0 for no bound. Half of the whole, so that nobody alone can fill it."""

    sandbox_memory_bytes: int = 256 * 1024 * 1024
    """Linear memory of all guests together, but for the first 2 MiB of each; 0 for no bound. It is given by
    need."""

    owner_sandbox_memory_bytes: int = 192 * 1024 * 1024
    """The same for the guests of one owner; 0 for no bound. Three quarters, so that others' can grow beside
    them."""
