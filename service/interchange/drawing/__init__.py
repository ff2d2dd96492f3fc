"""Graphs as diagrams: text for Mermaid and for Graphviz. Pure.

picture     the nodes, the groups and the arrows of a graph, whatever shape its document has
mermaid     as a flowchart of Mermaid, which pages in Markdown show
dot         in the language of Graphviz
"""
