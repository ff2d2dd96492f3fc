"""Outliving the process: records of graphs and executions, and the keeper that writes and reads them."""
