"""Tasks: dependencies, runs, exits, several nodes at once."""
