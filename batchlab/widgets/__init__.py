"""Displays of what a lab holds: views in, pixels out."""

from batchlab.autoscale.results import AutoScaleRun
from batchlab.handles.pool import AutoScaleHistory
from batchlab.laboratory import Comparison, Simulation
from batchlab.widgets.autoscaling import history_card, run_card
from batchlab.widgets.cards import draw
from batchlab.widgets.laboratory import comparison_card, simulation_card
from batchlab.widgets.show import mimebundle, page, watch

__all__ = ["mimebundle", "page", "watch"]

draw.register(AutoScaleRun, run_card)
draw.register(AutoScaleHistory, history_card)
draw.register(Simulation, simulation_card)
draw.register(Comparison, comparison_card)
