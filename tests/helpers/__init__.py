"""What tests of several files have in common."""
