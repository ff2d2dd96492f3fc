"""The journal of an execution: what went in, what came of it, in the order in which it happened.

    execution ──> recorder ──> chunks of records ──> shelf: in memory, or in the store ──> history, lineage, file

``records`` are the things that can happen, and their bytes; ``recorder`` takes note of them; ``recording`` is all
that was noted of one execution; ``recordings`` keeps them, by owner and within bounds; ``head`` says what was
recorded, so that it can be run again elsewhere; ``file`` is a recording as one file, and takes files of others.
"""
