"""The freezing of what lives as long as the process, so that the garbage collector need not look at it.

Some hundred thousand objects (modules, classes, schemas) live as long as the process. A full collection goes
through all of them, 60 ms on the machine where that was measured, and holds up every execution meanwhile. Set
aside, they cost nothing; what is made afterwards is collected as ever.
"""

import gc

COLLECTOR_THRESHOLDS = (2_000, 10, 20)
"""Objects made before the youngest are looked at; how many such looks come before one at the older, and at all. A
look at all takes up to 100 ms beside large executions, and little is found: what ends is emptied by hand. Rarer
ones than these were tried: where graphs of large executions came and went, 150 MB of memory became 350."""


def set_aside() -> None:
    """Keep all objects that are alive now from the collector, for good."""
    gc.collect()  # what is garbage already would stay otherwise
    gc.freeze()
    gc.set_threshold(*COLLECTOR_THRESHOLDS)
