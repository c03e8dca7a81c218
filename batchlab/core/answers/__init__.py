"""Answers about the current state: views, pages, waits, and explanations."""
