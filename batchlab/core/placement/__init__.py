"""Placement: which task runs next, and where."""
