"""Nodes: boot, start task, drain, loss."""
