"""Pools: allocation and resizing, autoscale, auto pools, costs."""
