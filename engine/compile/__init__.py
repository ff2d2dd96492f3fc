"""The way from a document to a graph that can run: is it right, and what is it then."""
