"""The bounds of live events: each with its unit and its reason. Those that operators choose are settings."""

NOTES = 10_000
"""Events of one execution that wait for encoding. Beyond it further ones are skipped: encoding is dear."""

NOTE_BYTES = 16 * 1024 * 1024
"""Bytes of the values of those."""

SLICE_NOTES = 200
"""Notes that are encoded in one go: about a millisecond of the event loop."""

SLICE_BYTES = 256 * 1024
"""Bytes of the values of those, save that one value may be larger: a feed that keeps few slices keeps some."""

SLICE_NOTE_BYTES = 4 * 1024
"""Bytes that take as long as a note: they are copied a few times for each selection."""

FLUSH_SECONDS = 0.02
"""The time between two flushes of one execution's events. The first after a silence leaves at once, then many
together."""

PATIENCE_SECONDS = 0.02
"""The longest wait of encoding for readers of a feed that is half full; without it, no reader is as fast as a
burst."""

FEED_EVENTS = 4_000
"""Events that a feed keeps for those who have not read them yet: a second of a busy execution."""

FEED_BYTES = 8 * 1024 * 1024
"""Bytes of those, the forms in which they were sent included."""

FEED_LIFECYCLE_EVENTS = 1_000
"""Lifecycle events that a feed keeps for whoever has not read them; who is further behind is disconnected."""

ALL_FEEDS_BYTES = 64 * 1024 * 1024
"""Bytes that all feeds together keep, with what waits for encoding; beyond it the largest give up their oldest."""

MEASURED_PER_SECOND = 20_000
"""Nodes and edges whose figures are read in a second, for all who watch: each takes 2 to 10 us. One execution of a
thousand nodes and ten thousand edges is then told of every half second, twenty of them every ten seconds."""

MEASURED_AT_ONCE = 5_000
"""Nodes and edges that may be read at once after a rest: a console that is opened sees figures soon."""

NODES_PER_UNIT = 4
"""Nodes whose sums are worth one of those; statistics are read node by node, with latencies of each."""

SELECTIONS = 100
"""Distinct selections that one execution is watched with at once: each is encoded for itself."""

SUBSCRIPTIONS = 200
"""Executions that one client watches at once."""

PERSONAL_EVENTS = 100
"""Answers that wait for one client before no further command of theirs is taken."""

PERSONAL_BYTES = 256 * 1024
"""Bytes of those: a refusal that lists a thousand mistakes is long."""

ID_CHARACTERS = 200
"""Characters of an execution's or a graph's id; refusals repeat it. Ours have 36."""

NAMES = 1_000
"""Nodes or edges that one subscription chooses."""

MAX_PER_SECOND = 10_000
"""The largest ``maxPerSecond``; more is as good as no bound."""

SENDING_BYTES = 64 * 1024
"""Bytes that are handed to a connection in one go; a larger single event goes alone."""

AUTHENTICATE_SECONDS = 10.0
"""The time that a plain WebSocket without a credential has to send one."""

UNADMITTED_CLIENTS = 1_000
"""Clients at once, over either way, that have not said yet who they are: anybody can come so far. One more takes
the place of the one that has taken longest, so that nobody can keep others out by saying nothing."""

CONNECTION_BYTES = 80 * 1024
"""Bytes of a connected client that neither sends nor is sent anything: tasks, sockets, buffers; as measured."""

UNANSWERED_SECONDS = 60.0
"""The longest stay of a client while Identity cannot say whether their credential still holds."""

RETRY_SECONDS = 5.0
"""The time between two such questions."""

PING_SECONDS = 25.0
"""The time between two pings to a plain WebSocket; they keep proxies from giving it up, and dead peers from
staying."""

CLOSING_SECONDS = 1.0
"""The time that clients have, at the end of the service, to read what is on its way to them."""
