"""The store: records and streams on disk, written all or none, and there once the write has returned.

It knows neither graphs nor executions. `store.protocol` says what a store promises, `store.sqlite` keeps it in one
file of SQLite, `store.streams` the entries of streams in that, `store.writer` is the thread that speaks with it,
`store.migrations` are its shapes, and `store.reserve` sets room aside on its disk.
"""
