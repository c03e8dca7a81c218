"""Displays of what a lab holds: views in, pixels out."""

from batchlab.widgets.cards import mimebundle

__all__ = ["mimebundle"]
