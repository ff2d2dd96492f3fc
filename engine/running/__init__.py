"""All executions of a runtime: put together, started, known while they run and after, and gone on with later."""
