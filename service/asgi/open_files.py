"""Room for connections: each takes a file descriptor, and systems hand programs few of them unless they ask."""

import resource

ENOUGH = 65_536
"""A number of connections beyond what one event loop will hold; asking for endless ones costs some systems
memory."""

CONNECTIONS_SHARE = 0.75
"""The part of the open files that connections may take; requests to others, worker processes and the memory of
sandboxes need the rest. Without it, accepting fails, and with it everything else that opens a file."""


def room_for_connections(wanted: int) -> int:
    """Return how many connections may be open: ``wanted`` at the most (0 for as many as there is room for)."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    room = int(soft * CONNECTIONS_SHARE)
    return min(wanted, room) if wanted else room


def raise_descriptor_limit() -> int:
    """Ask for as many open files as this user may have, up to ``ENOUGH``; the number that holds now.

    The first limit is low (often 1,024) only for programs that use ``select``, and Trio does not.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(ENOUGH, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):  # some systems allow less than they say
        return soft
    return wanted
