"""The version: for the package itself, and for both ends of a connection to compare."""

__version__ = "0.1.0"
