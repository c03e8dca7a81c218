"""A laboratory for autoscale formulas: a day of a pool, simulated in a second.

`arrivals` says when tasks arrive, `play` runs a pool with a formula through them on the simulated
driver, `results` holds the outcome, `compare` does this for several formulas. `recording` is the
history of a pool, on which `AutoScaleLab` tries formulas. DataFrames and figures load pandas and
plotly only when needed.
"""

from batchlab.laboratory.arrivals import Arrivals
from batchlab.laboratory.auto_scale_lab import AutoScaleLab
from batchlab.laboratory.comparison import Comparison, compare
from batchlab.laboratory.patterns import Arrival
from batchlab.laboratory.play import simulate
from batchlab.laboratory.results import Simulation

__all__ = [
    "Arrival",
    "Arrivals",
    "AutoScaleLab",
    "Comparison",
    "Simulation",
    "compare",
    "simulate",
]
