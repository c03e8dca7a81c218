"""Handles: what a user holds of a pool, a node, a job, a task and their files."""
