"""The autoscale formula language of Azure Batch: text, tree, value. It does not know pools.

`parse` (``grammar.lark``) builds the tree of `syntax`. `evaluate` walks it, using the tables of
`operators`, `functions` and `samples` and the types in `values`; `lint` checks it beforehand.
The whole package is pure: the time, the samples, the current targets and the seed of rand() are
arguments. The names below are loaded on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from batchlab.autoscale.formula import Formula
    from batchlab.autoscale.lint import Finding
    from batchlab.autoscale.names import SAMPLED
    from batchlab.autoscale.problems import FormulaError
    from batchlab.autoscale.results import (
        AutoScaleRun,
        AutoScaleRunError,
        Branch,
        Clamp,
        Outcome,
        SampleCall,
        StatementValue,
    )
    from batchlab.autoscale.samples import SAMPLE_PERIOD, SampleHistory

__all__ = [
    "SAMPLED",
    "SAMPLE_PERIOD",
    "AutoScaleRun",
    "AutoScaleRunError",
    "Branch",
    "Clamp",
    "Finding",
    "Formula",
    "FormulaError",
    "Outcome",
    "SampleCall",
    "SampleHistory",
    "StatementValue",
]

_HOMES = {
    "formula": ("Formula",),
    "lint": ("Finding",),
    "names": ("SAMPLED",),
    "problems": ("FormulaError",),
    "results": (
        "AutoScaleRun",
        "AutoScaleRunError",
        "Branch",
        "Clamp",
        "Outcome",
        "SampleCall",
        "StatementValue",
    ),
    "samples": ("SAMPLE_PERIOD", "SampleHistory"),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
