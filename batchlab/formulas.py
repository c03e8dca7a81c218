"""Ready-made formulas for common cases, each with its strengths and weaknesses.

Each function returns a formula with your numbers filled in; you can give its text to Azure
unchanged. Every formula limits its targets, and every formula that looks at tasks guards its
samples, so it also works on a new pool. Try a formula before you use it:
``bl.simulate(bl.formulas.pending_tasks(25), bl.Arrivals.office_hours(120))``.
"""

from __future__ import annotations

from typing import Any

from batchlab.autoscale.formula import Formula
from batchlab.errors import invalid

__all__ = [
    "cpu_rule",
    "day_of_week",
    "fixed",
    "idle_off",
    "office_hours",
    "pending_tasks",
    "slots",
    "slow_decay",
    "spot_with_stand_ins",
]

OPTION = "$NodeDeallocationOption = taskcompletion;\n"


def fixed(nodes: int = 10) -> Formula:
    """Always the same number of nodes: the baseline for every other formula.

    **Good** for a load that never pauses, and to see what autoscaling gains.
    **Bad** whenever the load pauses: idle nodes cost as much as busy ones.

    Parameters
    ----------
    nodes : int, default 10
    """
    return Formula(f"$TargetDedicatedNodes = {_count('nodes', nodes)};\n")


def day_of_week(on_day: int = 20, otherwise: int = 5, *, weekday: int = 1) -> Formula:
    """Many nodes on one day of the week, few on the others.

    **Good** for work that follows the calendar, such as a run every Monday. It needs no samples,
    so the nodes are there before the first task.
    **Bad** when the work comes on another day or is done by noon: nodes stay until midnight.

    Parameters
    ----------
    on_day, otherwise : int, default 20 and 5
        Number of nodes on that day, and on the others.
    weekday : int, default 1
        1 is Monday, 7 is Sunday (UTC).

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: a number is not whole, or out of range.
    """
    day = _count("weekday", weekday, least=1, most=7)
    return Formula(
        f"$today = time().weekday;\n"
        f"$TargetDedicatedNodes = $today == {day} ? {_count('on_day', on_day)} : "
        f"{_count('otherwise', otherwise)};\n{OPTION}"
    )


def office_hours(
    busy: int = 20, quiet: int = 2, *, begin: int = 8, end: int = 18, hours_from_utc: int = 0
) -> Formula:
    """Many nodes from Monday to Friday in office hours, few at any other time.

    **Good** for people who work fixed hours and should not wait in the morning: the nodes are
    there from the first minute.
    **Bad** on holidays, and when people work late: it does not look at the tasks at all.

    Parameters
    ----------
    busy, quiet : int, default 20 and 2
        Number of nodes in office hours, and outside them.
    begin, end : int, default 8 and 18
        First and last hour of the working day.
    hours_from_utc : int, default 0
        Offset of your time zone from UTC: -6 for Chicago in winter.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: a number is not whole, or out of range.
    """
    zone = _count("hours_from_utc", hours_from_utc, least=-12, most=14)
    first, last = _count("begin", begin, most=23), _count("end", end, most=24)
    return Formula(
        f"$now = time() + ({zone} * TimeInterval_Hour);\n"
        f"$workday = $now.weekday <= 5;\n"
        f"$workhour = $now.hour >= {first} && $now.hour < {last};\n"
        f"$TargetDedicatedNodes = $workday && $workhour ? {_count('busy', busy)} : "
        f"{_count('quiet', quiet)};\n{OPTION}"
    )


def pending_tasks(most: int = 25, *, least: int = 0, minutes: int = 3) -> Formula:
    """One node for each active or running task, up to a maximum.

    **Good** for tasks that run one to a node and take much longer than a node needs to start: all
    tasks run at once, and you pay for no nodes when there is nothing to do.
    **Bad** for short tasks: the node that is started for a task finds nothing left to do. Also bad
    for nodes with several task slots: it assumes one slot per node (`slots` counts them all).

    Parameters
    ----------
    most : int, default 25
        Maximum number of nodes.
    least : int, default 0
        Minimum number of nodes.
    minutes : int, default 3
        Length of the window to average over.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: a number is not whole, or out of range.
    """
    return Formula(
        _pending(minutes) + f"$TargetDedicatedNodes = max({_count('least', least)}, "
        f"min({_count('most', most)}, $tasks));\n{OPTION}"
    )


def slots(per_node: int = 4, most: int = 25, *, least: int = 0, minutes: int = 3) -> Formula:
    """Enough nodes to give each active or running task a slot, up to a maximum.

    **Good** for pools whose nodes run several tasks at a time: `pending_tasks` would ask for
    several times too many nodes.
    **Bad** when a task needs several slots: it counts tasks, not slots.

    Parameters
    ----------
    per_node : int, default 4
        The pool's ``task_slots_per_node``.
    most, least, minutes
        As for `pending_tasks`.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: a number is not whole, or out of range.
    """
    each = _count("per_node", per_node, least=1, most=256)
    return Formula(
        _pending(minutes) + f"$slots = {each};\n"
        f"$wanted = ($tasks + $slots - 1) / $slots;\n"
        f"$TargetDedicatedNodes = max({_count('least', least)}, "
        f"min({_count('most', most)}, $wanted));\n{OPTION}"
    )


def slow_decay(most: int = 20, *, minutes: int = 15) -> Formula:
    """Grow with the tasks at once, and shrink by at most half of the nodes at a time.

    **Good** for bursts in quick succession: the nodes of one burst are still there for the next,
    so no task waits for a node to start.
    **Bad** when bursts are far apart: halving takes several intervals, and nodes are idle.

    Parameters
    ----------
    most : int, default 20
        Maximum number of nodes.
    minutes : int, default 15
        Length of the window to average over.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: a number is not whole, or out of range.
    """
    return Formula(
        _pending(minutes) + f"$half = $TargetDedicatedNodes / 2;\n"
        f"$TargetDedicatedNodes = min({_count('most', most)}, max($tasks, $half));\n{OPTION}"
    )


def cpu_rule(most: int = 100, *, least: int = 2, high: int = 70, low: int = 20) -> Formula:
    """Add a tenth of the nodes while CPU use is high, remove a tenth while it is low.

    **Good** for long-running services whose load cannot be counted in tasks.
    **Bad** for a load that jumps: in steps of a tenth, it takes hours to adapt. Also bad for tasks
    that wait without using the CPU. It can never grow from zero nodes, so `least` must be 1 or
    more.

    Parameters
    ----------
    most, least : int, default 100 and 2
        Maximum and minimum number of nodes.
    high : int, default 70
        Add nodes when every CPU sample of the last 10 minutes is above this percentage.
    low : int, default 20
        Remove nodes when the CPU average of the last hour is below this percentage.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: a number is not whole, or out of range.
    """
    upper, lower = _count("high", high, most=100), _count("low", low, most=100)
    return Formula(
        f"$recent = 10 * TimeInterval_Minute;\n"
        f"$nodes = max(1, $CurrentDedicatedNodes);\n"
        f"$hot = $CPUPercent.GetSamplePercent($recent) < 50 ? 0 : "
        f"min($CPUPercent.GetSample($recent, 50)) > {upper};\n"
        f"$cold = $CPUPercent.GetSamplePercent(TimeInterval_Hour) < 50 ? 0 : "
        f"avg($CPUPercent.GetSample(TimeInterval_Hour, 50)) < {lower};\n"
        f"$target = $hot ? ceil($nodes * 1.1) : ($cold ? floor($nodes * 0.9) : $nodes);\n"
        f"$TargetDedicatedNodes = max({_count('least', least, least=1)}, "
        f"min({_count('most', most)}, $target));\n{OPTION}"
    )


def spot_with_stand_ins(nodes: int = 25) -> Formula:
    """Spot nodes, and a dedicated node in place of each preempted one until it returns.

    **Good** for tasks that are safe to rerun: a spot node costs a fifth of a dedicated one, and
    the number of nodes stays the same.
    **Bad** for long tasks, which start over whenever their node is preempted. Also bad when
    preemptions are short: by the time a stand-in has started, the spot node is back.

    Parameters
    ----------
    nodes : int, default 25
        Number of spot and dedicated nodes together.
    """
    count = _count("nodes", nodes, least=1)
    return Formula(
        f"$window = 180 * TimeInterval_Second;\n"
        f"$away = $PreemptedNodeCount.GetSamplePercent($window) < 50 ? 0 : "
        f"avg($PreemptedNodeCount.GetSample($window, 50));\n"
        f"$standins = min({count}, ceil($away));\n"
        f"$TargetDedicatedNodes = $standins;\n"
        f"$TargetLowPriorityNodes = {count};\n{OPTION}"
    )


def idle_off(nodes: int = 4, *, minutes: int = 60) -> Formula:
    """A fixed number of nodes while there is work, none after some time without work.

    **Good** for a pool that is used now and then and is easily forgotten: it turns itself off,
    and on again with the next task.
    **Bad** when tasks arrive slightly further apart than `minutes`: every task waits for nodes to
    start, and the nodes are still idle most of the time.

    Parameters
    ----------
    nodes : int, default 4
        Number of nodes while there is work.
    minutes : int, default 60
        How long the pool must be without active and running tasks.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: a number is not whole, or out of range.
    """
    span = _count("minutes", minutes, least=1, most=10_080)
    return Formula(
        f"$window = {span} * TimeInterval_Minute;\n"
        f"$known = $PendingTasks.GetSamplePercent($window) >= 50;\n"
        f"$seen = max(0, $PendingTasks.GetSample({2 * span}));\n"
        f"$TargetDedicatedNodes = $seen > 0 ? {_count('nodes', nodes)} : "
        f"($known ? 0 : $TargetDedicatedNodes);\n{OPTION}"
    )


def _pending(minutes: Any) -> str:
    """Active and running tasks: the newest sample or the mean, whichever is greater."""
    span = _count("minutes", minutes, least=1, most=10_080)
    return (
        f"$window = {span} * TimeInterval_Minute;\n"
        f"$newest = max(0, $PendingTasks.GetSample(1));\n"
        f"$tasks = $PendingTasks.GetSamplePercent($window) < 50 ? $newest : "
        f"max($newest, avg($PendingTasks.GetSample($window, 50)));\n"
    )


def _count(name: str, value: Any, *, least: int = 0, most: int = 100_000) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise invalid(name, value, f"must be a whole number from {least} to {most}",
                      owner="formulas")  # fmt: skip
    return value
