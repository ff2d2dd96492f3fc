"""Graphs of FBP and NoFlo: the text of `.fbp` files, and JSON.

network      what either of them says: processes, connections, initial packets, exported ports
text         the language of `.fbp` files
importing    a network as a graph of ours
"""
