"""Formulas for the cases that come up again and again, each with when it helps and when it hurts.

A function here writes a formula out, with your numbers in it; its text is what you would give to
Azure. All of them cut targets at a bound, and all that look at tasks guard their samples, so that
none fails on a pool that has only begun. Try them before you use them:
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
    """Always the same number of nodes: what every other formula is measured against.

    **Good** for a load that never rests, and to see what autoscale is worth at all.
    **Hurts** whenever the load rests: idle nodes cost as much as busy ones.

    Parameters
    ----------
    nodes : int, default 10
    """
    return Formula(f"$TargetDedicatedNodes = {_count('nodes', nodes)};\n")


def day_of_week(on_day: int = 20, otherwise: int = 5, *, weekday: int = 1) -> Formula:
    """Many nodes on one day of the week, few on the others.

    **Good** for work that comes by the calendar: the run of every Monday. It needs no samples, so
    it is there before the first task is.
    **Hurts** when the work comes on another day, or is done by noon: nodes stay until midnight.

    Parameters
    ----------
    on_day, otherwise : int, default 20 and 5
        Nodes on that day, and on the others.
    weekday : int, default 1
        1 is Monday, 7 Sunday (UTC).
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

    **Good** for people who work at known hours and should not wait in the morning: nodes are there
    from the first minute.
    **Hurts** on holidays, and whenever somebody works late: it does not look at the tasks at all.

    Parameters
    ----------
    busy, quiet : int, default 20 and 2
        Nodes in office hours, and outside.
    begin, end : int, default 8 and 18
        Hours of the day.
    hours_from_utc : int, default 0
        Of your zone: -6 for Chicago in winter.
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
    """As many nodes as tasks wait and run, up to a bound.

    **Good** for tasks that last much longer than a node takes to start, one to a node: everybody
    runs at once, and nothing is paid for when there is nothing to do.
    **Hurts** with short tasks: for each a node is started that has nothing to do when it is up;
    and with nodes of several slots, of which it counts one (`slots` counts them all).

    Parameters
    ----------
    most : int, default 25
        Nodes at most.
    least : int, default 0
        Nodes at least.
    minutes : int, default 3
        The window that is averaged.
    """
    return Formula(
        _pending(minutes) + f"$TargetDedicatedNodes = max({_count('least', least)}, "
        f"min({_count('most', most)}, $tasks));\n{OPTION}"
    )


def slots(per_node: int = 4, most: int = 25, *, least: int = 0, minutes: int = 3) -> Formula:
    """As many nodes as their slots are needed for the tasks that wait and run.

    **Good** for pools of which a node runs several tasks at a time: `pending_tasks` would ask for
    as many times too many nodes.
    **Hurts** when tasks need several slots each: it counts tasks.

    Parameters
    ----------
    per_node : int, default 4
        The pool's ``task_slots_per_node``.
    most, least, minutes
        As for `pending_tasks`.
    """
    each = _count("per_node", per_node, least=1, most=256)
    return Formula(
        _pending(minutes) + f"$slots = {each};\n"
        f"$wanted = ($tasks + $slots - 1) / $slots;\n"
        f"$TargetDedicatedNodes = max({_count('least', least)}, "
        f"min({_count('most', most)}, $wanted));\n{OPTION}"
    )


def slow_decay(most: int = 20, *, minutes: int = 15) -> Formula:
    """Grows with the tasks at once, and gives back no more than half of the nodes at a time.

    **Good** for bursts that follow each other: the nodes of the last one are still there for the
    next, and nobody waits for them to start.
    **Hurts** when bursts are far apart: halving takes several intervals, in which nodes idle.

    Parameters
    ----------
    most : int, default 20
        Nodes at most.
    minutes : int, default 15
        The window that is averaged.
    """
    return Formula(
        _pending(minutes) + f"$half = $TargetDedicatedNodes / 2;\n"
        f"$TargetDedicatedNodes = min({_count('most', most)}, max($tasks, $half));\n{OPTION}"
    )


def cpu_rule(most: int = 100, *, least: int = 2, high: int = 70, low: int = 20) -> Formula:
    """A tenth more nodes while all are busy, a tenth fewer while hardly any is.

    **Good** for long-running services of which nobody can count the tasks.
    **Hurts** with a load that jumps: a tenth at a time it takes hours to get anywhere; with tasks
    that wait for something and use no CPU; and from zero nodes it never comes back, so `least` is
    1 or more.

    Parameters
    ----------
    most, least : int, default 100 and 2
        Nodes at most and at least.
    high : int, default 70
        Percent of CPU above which, in every sample of 10 minutes, nodes are added.
    low : int, default 20
        Percent of CPU below which, on average over an hour, nodes go.
    """
    upper, lower = _count("high", high, most=100), _count("low", low, most=100)
    return Formula(
        f"$recent = 10 * TimeInterval_Minute;\n"
        f"$nodes = max(1, $CurrentDedicatedNodes);\n"
        f"$hot = $CPUPercent.GetSamplePercent($recent) < 50 ? 0 : "
        f"min($CPUPercent.GetSample($recent)) > {upper};\n"
        f"$cold = $CPUPercent.GetSamplePercent(TimeInterval_Hour) < 50 ? 0 : "
        f"avg($CPUPercent.GetSample(TimeInterval_Hour)) < {lower};\n"
        f"$target = $hot ? ceil($nodes * 1.1) : ($cold ? floor($nodes * 0.9) : $nodes);\n"
        f"$TargetDedicatedNodes = max({_count('least', least, least=1)}, "
        f"min({_count('most', most)}, $target));\n{OPTION}"
    )


def spot_with_stand_ins(nodes: int = 25) -> Formula:
    """Spot nodes, and for each that is taken away a dedicated one until it is back.

    **Good** for work that can begin anew: a spot node costs a fifth, and the number of nodes
    stays.
    **Hurts** with long tasks, which begin anew whenever their node is taken away, and when nodes
    are away for less time than an evaluation and a start take: then stand-ins come too late.

    Parameters
    ----------
    nodes : int, default 25
        Spot and dedicated nodes together.
    """
    count = _count("nodes", nodes, least=1)
    return Formula(
        f"$window = 180 * TimeInterval_Second;\n"
        f"$away = $PreemptedNodeCount.GetSamplePercent($window) < 50 ? 0 : "
        f"avg($PreemptedNodeCount.GetSample($window));\n"
        f"$standins = min({count}, ceil($away));\n"
        f"$TargetDedicatedNodes = $standins;\n"
        f"$TargetLowPriorityNodes = {count};\n{OPTION}"
    )


def idle_off(nodes: int = 4, *, minutes: int = 60) -> Formula:
    """A fixed number of nodes while there is work, none after some time without.

    **Good** for a pool that somebody uses now and then and forgets to turn off: it turns itself
    off, and on with the next task.
    **Hurts** when tasks come just more seldom than the time it waits: then every task waits for
    nodes to start, and the nodes wait all the same.

    Parameters
    ----------
    nodes : int, default 4
    minutes : int, default 60
        How long nothing must have waited or run.
    """
    span = _count("minutes", minutes, least=1, most=10_080)
    return Formula(
        f"$window = {span} * TimeInterval_Minute;\n"
        f"$known = $PendingTasks.GetSamplePercent($window) >= 50;\n"
        f"$seen = $PendingTasks.Count() < 1 ? 0 : max($PendingTasks.GetSample({2 * span}));\n"
        f"$TargetDedicatedNodes = $seen > 0 ? {_count('nodes', nodes)} : "
        f"($known ? 0 : $TargetDedicatedNodes);\n{OPTION}"
    )


def _pending(minutes: Any) -> str:
    """Tasks that wait and run: the greater of the newest sample and the mean, if there are any."""
    span = _count("minutes", minutes, least=1, most=10_080)
    return (
        f"$window = {span} * TimeInterval_Minute;\n"
        f"$newest = $PendingTasks.Count() < 1 ? 0 : max(0, $PendingTasks.GetSample(1));\n"
        f"$tasks = $PendingTasks.GetSamplePercent($window) < 50 ? $newest : "
        f"max($newest, avg($PendingTasks.GetSample($window)));\n"
    )


def _count(name: str, value: Any, *, least: int = 0, most: int = 100_000) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise invalid(name, value, f"must be a whole number from {least} to {most}",
                      owner="formulas")  # fmt: skip
    return value
