"""The demo: 13,000 ISO records through a graph, over HTTP, compared with what plain Python makes of them."""
