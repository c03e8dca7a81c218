"""A random life of a lab: any request, any report, any order, and what must hold."""
