"""Telemetry: what this service measures of itself and of its graphs, sent to the platform's logging service.

    records.py        what is sent, in the shapes of the wire
    outbox.py         bounded queues: what waits, and what was dropped; pure
    credentials.py    how the logging service is told who sends
    client.py         one request to the logging service
    series.py         the ids of streams and of metrics, made once or found
    exporter.py       the task that sends batches, again and again
    requests.py       what is told of HTTP requests
    graph_reports.py  what nodes of graphs report as metrics and log lines
    opening.py        all of it put together

Nothing here ever holds up a request or a graph: whoever has something to tell puts it into a queue and goes on. A
full queue drops its oldest, and counts it. Without a configured logging service nothing of this exists.
"""
