"""Live events: what happens in executions, told to clients over Socket.IO and plain WebSockets.

    engine ──notes──► ExecutionWatch ──chunks──► Feed ──► LiveSession ──► a client
             (hub)    one an execution           one a    one a client, its sender writes
                      that is watched            selection as fast as it reads

The engine's observers only take notes. A task for each watched execution makes chunks of events of them, once for
each distinct selection, however many clients share it. A client is a position in the feeds that it subscribed to:
one who reads slowly falls behind, and is told how much a feed gave up in the meantime. Lifecycle events are never
given up.
"""
