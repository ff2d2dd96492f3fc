"""The sources of components: built in, registered, sandboxed. Only these know the sandbox."""
