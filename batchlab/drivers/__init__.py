"""What runs the core in a world of nodes: real ones on Dask workers, or simulated ones."""
