"""The autoscale formula language of Azure Batch: text, tree, value. Knows nothing of pools.

`parse` (``grammar.lark``) makes the tree of `syntax`; `evaluate` walks it by the tables of
`operators`, `functions` and `sampling`, over the kinds of value in `values`; `lint` walks it
before. All of it is pure: the moment, the samples, the present targets and the seed of rand()
are arguments.
"""

from batchlab.autoscale.formula import Formula
from batchlab.autoscale.lint import Finding
from batchlab.autoscale.names import SAMPLED
from batchlab.autoscale.problems import FormulaError
from batchlab.autoscale.results import (
    AutoScaleRun,
    AutoScaleRunError,
    Branch,
    SampleCall,
    StatementValue,
)
from batchlab.autoscale.sampling import SAMPLE_PERIOD, SampleHistory

__all__ = [
    "SAMPLED",
    "SAMPLE_PERIOD",
    "AutoScaleRun",
    "AutoScaleRunError",
    "Branch",
    "Finding",
    "Formula",
    "FormulaError",
    "SampleCall",
    "SampleHistory",
    "StatementValue",
]
