"""Nodes: booting, start tasks, draining, loss."""
