"""A formula without a fault, and what lint says of one."""

from __future__ import annotations

from batchlab.autoscale import Finding, Formula

GOOD = """
window = 10 * TimeInterval_Minute;
share = $PendingTasks.GetSamplePercent(window);
tasks = share < 70 ? 0 : avg($PendingTasks.GetSample(window));
$TargetDedicatedNodes = min(25, tasks);
$NodeDeallocationOption = taskcompletion;
"""


def said(text: str, severity: str) -> list[Finding]:
    return [each for each in Formula(text).lint() if each.severity == severity]
