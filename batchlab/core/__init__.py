"""The service as a pure state machine: no clock, no I/O, no threads, no randomness."""
