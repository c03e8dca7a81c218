"""How the lessons are checked: every text must come out as it is stored.

Pictures and HTML show node ids and times, which differ from run to run; the text beside them does
not. What a program writes to stderr is not part of a lesson.
"""

import os
from typing import Any

os.environ["BATCHLAB_PROGRESS"] = ""  # the developer's own is neither seen nor changed


OUTPUT_S = 60
"""How long what a cell has shown may be on its way; nbval's five seconds are for a quiet machine.
"""


def pytest_itemcollected(item: Any) -> None:
    if hasattr(item, "output_timeout"):
        item.output_timeout = OUTPUT_S


def pytest_collectstart(collector: Any) -> None:
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("text/html", "image/svg+xml", "stderr",
                                   "application/vnd.plotly.v1+json")  # fmt: skip
