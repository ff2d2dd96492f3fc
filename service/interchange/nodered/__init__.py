"""Flows of Node-RED: an export of its editor becomes graphs.

flows         the file: tabs, subflows, groups and nodes, whatever is wrong with it
environment   variables of tabs, groups and subflows, and what they stand for
expansion     subflows flattened: each instance's nodes are nodes of its tab
links         link nodes and junctions as wires
code          what the code of a function node uses that is not here
context       who writes and who reads flow and global context
jsonata       expressions in JSONata as JavaScript, as far as they go
draft         what a node becomes
kinds/        the converters, by type of node
listeners     catch, complete and status nodes: whom they listen to
importing     the door: all of it in its order
programs/     what the nodes do, in JavaScript
"""
