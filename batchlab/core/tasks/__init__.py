"""Tasks: dependencies, runs, exit conditions, multi-instance tasks."""
