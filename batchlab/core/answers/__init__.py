"""Answers about the present: views, pages, waits, and why something waits."""
