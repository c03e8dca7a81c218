"""Drivers: they run the core with nodes, real ones on Dask workers or simulated ones."""
