"""Memory of the process and of requests: charged, watched, given back."""
