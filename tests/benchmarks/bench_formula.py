"""Evaluating autoscale formulas: an ordinary one, and the worst that the limits allow.

Goals: a formula of 20 statements over 60 minutes of samples in at most 300 us, read anew each
time from plain pairs; no formula of legal size over 50 ms or 50 MB. Each time is also told as a
multiple of a calibration loop, so that runs on different machines can be compared. Times are of
the processor, so that a busy machine does not count.
"""

from __future__ import annotations

import sys
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from batchlab.autoscale import Formula, SampleHistory

NOW = datetime(2024, 5, 6, 9, 0, tzinfo=UTC)
ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 300

ORDINARY = """
$window = 15 * TimeInterval_Minute;
$hour = 60 * TimeInterval_Minute;
$percent = $PendingTasks.GetSamplePercent($window);
$tasks = $percent < 70 ? max(0, $PendingTasks.GetSample(1)) :
    max($PendingTasks.GetSample(1), avg($PendingTasks.GetSample($window)));
$trend = avg($PendingTasks.GetSample($window)) - avg($PendingTasks.GetSample($window, $hour));
$busy = avg($CPUPercent.GetSample($hour)) / 100;
$peak = percentile($CPUPercent.GetSample($hour), 95);
$slots = 4;
$wanted = ($tasks + $slots - 1) / $slots;
$idle = max($RunningTasks.GetSample($hour)) == 0 && max($PendingTasks.GetSample($hour)) == 0;
$now = time();
$workday = $now.weekday >= 1 && $now.weekday <= 5;
$workhours = $now.hour >= 8 && $now.hour < 18;
$floor = $workday && $workhours ? 2 : 0;
$boost = $peak > 90 ? 1.25 : ($busy < 0.2 ? 0.8 : 1);
$grow = $trend > 0 ? $wanted * $boost : $wanted;
$cap = 25;
$target = $idle ? $floor : max($floor, min($cap, $grow));
$TargetDedicatedNodes = round($target);
$NodeDeallocationOption = taskcompletion;
"""


def history(count: int) -> list[tuple[datetime, float]]:
    return [
        (NOW - timedelta(seconds=60 + 30 * back), float(back * 7919 % 97))
        for back in range(count - 1, -1, -1)
    ]


def fill(piece: str, head: str = "x = ", tail: str = "") -> str:
    room = 8192 - len(head) - len(tail)
    return head + (piece * (room // len(piece) + 1))[: room // len(piece) * len(piece)] + tail


WEEK = "v = $CPUPercent.GetSample(7 * TimeInterval_Day); "
WORST = {
    "a sum of 4,000 terms": fill("1+", tail="1"),
    "a sum of a week's samples": fill("v+", head=WEEK + "x = ", tail="v"),
    "a mean of 4,000 vectors": fill("v,", head=WEEK + "x = avg(", tail="v)"),
    "percentiles of a week": fill("percentile(v,50)+", head=WEEK + "x = ", tail="0"),
    "norms of a week": fill("norm(v)+", head=WEEK + "x = ", tail="0"),
    "windows": fill("$CPUPercent.GetSamplePercent(TimeInterval_Week)+", tail="0"),
    "the newest sample, often": fill(
        "$CPUPercent.GetSample(1)+", head="x = sum(", tail="0)"
    ).replace("+", ","),
    "plain names": fill("$CPUPercent+", tail="0"),
    "times read": fill('time("2016-10-13T19:18:47.8051234Z").hour+', tail="0"),
    "random numbers": fill("rand()+", tail="0"),
    "choices": fill("(1?2:3)+", tail="0"),
    "choices of names": fill("(a?a:a)+", head="a = 1; x = ", tail="0"),
    "names": fill("a+", head="a = 1; x = ", tail="0"),
    "names in brackets": fill("(a)+", head="a = 1; x = ", tail="0"),
    "names with a sign": fill("-a+", head="a = 1; x = ", tail="0"),
    "products in sums": fill("a*a+", head="a = 1; x = ", tail="0"),
    "members": fill("t.day+", head="t = time(); x = ", tail="0"),
    "least of two": fill("min(1,a)+", head="a = 1; x = ", tail="0"),
    "functions in functions": "x = " + "max(" * 99 + "1" + ")" * 99,
    "one undefined name of 8,000 letters": fill("n"),
    "undefined at the end": fill("a=1;\n" * 90, head="") + "x = " + "n" * 60,
    "a string of 8,000 letters": fill("s", head='x = "', tail='"'),
    "signs": fill("- ", tail="1"),
    "brackets": fill("(", tail="1"),
}
WORST["100 vectors of a week"] = "".join(
    f"v{number} = $CPUPercent.GetSample(7 * TimeInterval_Day);\n" for number in range(100)
)


def calibrate() -> float:
    """Time a fixed piece of pure Python, in seconds: the best of many."""

    def loop() -> None:
        total = 0
        for number in range(10_000):
            total += number % 7

    return best(loop, 50)


def best(work: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
    return min(times)


def main() -> None:
    unit = calibrate()
    print(f"calibration loop {unit * 1e6:.0f} us\n")
    names = ("$PendingTasks", "$RunningTasks", "$CPUPercent", "$ActiveTasks")
    pairs = {name: history(119) for name in names}
    ready = {name: SampleHistory(samples) for name, samples in pairs.items()}
    formula = Formula(ORDINARY)
    run = formula.evaluate(pairs, now=NOW, current_dedicated=3)
    assert run.error is None, run.error
    for title, samples in (("pairs", pairs), ("a SampleHistory", ready)):
        took = best(lambda given=samples: formula.evaluate(given, now=NOW), ROUNDS)
        print(f"20 statements, 60 minutes as {title:16} {took * 1e6:7.0f} us {took / unit:6.2f}x")
    took = best(lambda: Formula(ORDINARY), 30)
    print(
        f"reading its text                            {took * 1e6:7.0f} us {took / unit:6.2f}x\n"
    )

    week = {"$CPUPercent": SampleHistory(history(20160))}
    head = ("read ms", "run ms", "both", "x", "lint ms", "peak MB", "outcome")
    print(f"{'worst cases':36}" + "".join(f"{title:>9}" for title in head))
    for title, text in WORST.items():
        assert len(text) <= 8192, title
        worst(title, text, week, unit)


def worst(title: str, text: str, samples: dict[str, SampleHistory], unit: float) -> None:
    begin = time.process_time()
    try:
        formula = Formula(text)
    except Exception as error:
        read = time.process_time() - begin
        print(f"{title:36}{read * 1e3:9.1f}{'':45}  {str(error).splitlines()[0][:60]}")
        return
    read = best(lambda: Formula(text), 7)
    took = best(lambda: formula.evaluate(samples, now=NOW), 7)
    lint = best(formula.lint, 5)
    tracemalloc.start()
    run = formula.evaluate(samples, now=NOW)
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    outcome = run.error.values["Message"][:60] if run.error else "a result"
    print(
        f"{title:36}{read * 1e3:9.1f}{took * 1e3:9.1f}{(read + took) * 1e3:9.1f}"
        f"{(read + took) / unit:9.1f}{lint * 1e3:9.1f}{peak:9.1f}  {outcome}"
    )


if __name__ == "__main__":
    main()
