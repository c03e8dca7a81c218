"""Nodes on a virtual clock."""
