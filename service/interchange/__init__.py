"""Graphs of other tools become ours, and ours become pictures. Pure: decoded documents in, documents out.

    notes         what became of each thing that was imported, with its place
    imported      the result: graphs, components, notes
    assembly      a graph put together of nodes and wires: names, cycles, doubled edges
    names         names that people can type, made of any text
    recognition   which tool a document is of
    nodered/      flows of Node-RED
    fbp/          graphs of FBP and NoFlo, as text and as JSON
    benthos/      pipelines of Benthos and Redpanda Connect
    drawing/      a graph as a diagram for Mermaid or Graphviz

Nothing here runs anything: what untrusted files hold is moved from one document to another, within bounds.
"""
