"""The services beside this one: what they have in common, whichever it is."""
