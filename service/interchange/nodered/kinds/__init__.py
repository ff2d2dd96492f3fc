"""The converters: for each type of node a function that makes its draft.

basics       inject, debug, function
transforms   change, switch, template, range, filter (rbe), json, csv
sequences    split, join, sort, batch
timing       delay, trigger
network      http in, http response, http request
events       catch, complete, status, link call, link out
by_hand      what has no counterpart, and what to do about it
table        which function is for which type
"""
