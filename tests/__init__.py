"""The tests lie as the code does: `tests/<package>/<room>/` holds the tests of that room.

A file of tests has the name of the file that it is about, or of the promise that it holds. What is no test is
named for what it is: `tests/fakes/` stands in for other services, and a helper lies in the lowest folder that all
its users share (`tests/service/serving.py` serves, `tests/engine/executions.py` executes). Beside the packages lie
`attacks` (what untrusted callers and code try), `simulation` (random graphs under random commands), `stalls` (what
holds the event loop), `fuzz`, `conformance`, and `pages` (the documentation, held against the program).
"""
