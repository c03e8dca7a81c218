"""Displays of what a lab holds: views in, pixels out."""

from batchlab.widgets.show import mimebundle, page, watch

__all__ = ["mimebundle", "page", "watch"]
