"""What is counted: of instances, of edges, of executions."""
