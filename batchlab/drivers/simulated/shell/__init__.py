"""The shell of simulated nodes: the same command lines work as on real ones."""
