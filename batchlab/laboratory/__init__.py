"""A laboratory for autoscale formulas: a day of a pool, played in a second.

`arrivals` says when tasks come, `play` lets a pool follow a formula through them on the simulated
driver, `results` is what came of it, `compare` does so with several formulas. `recording` is what
a pool went through, and `AutoScaleLab` tries formulas on that. Frames and figures
load pandas and plotly when they are asked for.
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
