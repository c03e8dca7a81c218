"""Pools: allocation and resize, formulas, auto pools, costs."""
