"""Tools for authors of components: their component in a workbench, and files of cases."""
