"""The store: records on disk, written all or none, and there once the write has returned.

It knows neither graphs nor executions. `store.protocol` says what a store promises, `store.sqlite` keeps it in one
file of SQLite, `store.writer` is the thread that speaks with that file, and `store.migrations` are its shapes.
"""
