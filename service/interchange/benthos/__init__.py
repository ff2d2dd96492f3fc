"""Pipelines of Benthos and Redpanda Connect as graphs.

config       what a configuration says, as far as a graph has it
bloblang     small conditions of Bloblang as expressions
processors   what each processor becomes
importing    the door: inputs, processors and outputs in a row
"""
