"""Patterns of arriving tasks: how many, when, how long; the same seed, the same tasks."""

from collections import Counter

import pytest

import batchlab as bl

DAY, HOUR = 86_400, 3_600


def hours(arrivals):
    return Counter(int(arrival.at // HOUR) for arrival in arrivals)


def seconds(arrivals):
    return [arrival.behavior.duration.total_seconds() for arrival in arrivals]


def test_constant_arrivals_come_at_their_rate_at_all_hours():
    drawn = bl.Arrivals.constant(60, task="10m").draw(2, seed=1)
    assert len(drawn) == pytest.approx(2 * 24 * 60, rel=0.1)
    assert set(hours(drawn)) == set(range(48))
    assert all(0 <= arrival.at < 2 * DAY for arrival in drawn)
    assert [arrival.at for arrival in drawn] == sorted(arrival.at for arrival in drawn)


def test_durations_vary_by_the_jitter_around_the_task():
    lengths = seconds(bl.Arrivals.constant(60, task="10m", jitter=0.2).draw(seed=1))
    assert 480 <= min(lengths) < 500
    assert 700 < max(lengths) <= 720
    assert sum(lengths) / len(lengths) == pytest.approx(600, rel=0.02)
    exact = bl.Arrivals.constant(60, task="10m", jitter=0).draw(seed=1)
    assert set(seconds(exact)) == {600.0}


def test_same_seed_draws_the_same_tasks_and_another_one_others():
    pattern = bl.Arrivals.constant(60) + bl.Arrivals.office_hours(30)
    assert pattern.draw(seed=3) == pattern.draw(seed=3)
    assert pattern.draw(seed=3) != pattern.draw(seed=4)


def test_longer_draw_begins_as_the_shorter_one():
    pattern = bl.Arrivals.constant(60)
    assert pattern.draw(2, seed=3)[:500] == pattern.draw(1, seed=3)[:500]


def test_office_hours_are_busy_on_workdays_only():
    drawn = bl.Arrivals.office_hours(100, begin=8, end=18).draw(7, seed=1)
    by_hour = hours(drawn)
    assert {hour % 24 for hour in by_hour} == set(range(8, 18))
    assert {hour // 24 for hour in by_hour} == {0, 1, 2, 3, 4}  # the first day is a Monday
    assert len(drawn) == pytest.approx(5 * 10 * 100, rel=0.05)


def test_office_hours_may_be_quiet_instead_of_silent():
    by_hour = hours(bl.Arrivals.office_hours(200, quiet_per_hour=10).draw(7, seed=1))
    night = [by_hour[hour] for hour in range(168) if not 8 <= hour % 24 < 18]
    assert sum(night) / len(night) == pytest.approx(10, rel=0.2)


def test_bursts_come_all_at_once_at_their_period():
    drawn = bl.Arrivals.bursts(50, every="4h", first="1h", task="2m").draw(1)
    moments = Counter(arrival.at / HOUR for arrival in drawn)
    assert moments == {1.0: 50, 5.0: 50, 9.0: 50, 13.0: 50, 17.0: 50, 21.0: 50}


def test_list_of_ones_own_may_say_moments_counts_and_tasks():
    entries = ["8h", ("9h30m", 2), (60, 3, "90s"), ("23h", 1, bl.Behavior(exit_code=1))]
    drawn = bl.Arrivals.listed(entries, task="7m").draw()
    assert [(arrival.at, arrival.behavior.duration.total_seconds()) for arrival in drawn] == [
        *[(60, 90)] * 3,
        (8 * HOUR, 420),
        *[(9.5 * HOUR, 420)] * 2,
        (23 * HOUR, 300),
    ]
    assert drawn[-1].behavior.exit_code == 1
    assert len(bl.Arrivals.listed(["8h", "30h"]).draw(1)) == 1


def test_sum_of_patterns_has_the_tasks_of_both():
    both = bl.Arrivals.bursts(10, every="12h") + bl.Arrivals.listed([("2h", 5)])
    assert len(both.draw(1)) == 25
    assert repr(both) == ("Arrivals.bursts(10, every=12h, task=5m) + Arrivals.listed(5 tasks)")


def test_journal_of_a_lab_gives_its_tasks_again(tmp_path):
    path = tmp_path / "lab.jsonl"
    with bl.SimulatedLab(journal=path, boot="60s") as lab:  # begins at nine in the morning
        pool = lab.create_pool("p", target_dedicated_nodes=1)
        job = lab.create_job("j", pool)
        job.create_tasks(
            [
                bl.TaskSpec(id="a", command_line="sleep 100"),
                bl.TaskSpec(id="b", command_line="/bin/sh -c 'sleep 30; exit 3'"),
            ]
        )
        with pytest.raises(bl.Conflict):
            job.create_task("a", "sleep 1")
        job.tasks.wait()
        lab.advance("1h")
        lab.create_job("later", "no-such-pool").create_task("c", "sleep 5")
    drawn = bl.Arrivals.recorded(path).draw()
    assert [round(arrival.at / HOUR, 1) for arrival in drawn] == [9.0, 9.0, 10.1]
    assert seconds(drawn) == pytest.approx([100, 30, 300])
    assert [arrival.behavior.exit_code for arrival in drawn] == [0, 3, 0]


def test_journal_that_is_none_is_refused(tmp_path):
    with pytest.raises(bl.NotFound):
        bl.Arrivals.recorded(tmp_path / "nothing")
    (tmp_path / "text").write_text("hello\n")
    with pytest.raises(bl.InvalidRequest):
        bl.Arrivals.recorded(tmp_path / "text")


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: bl.Arrivals.constant(-1), "per_hour"),
        (lambda: bl.Arrivals.constant("many"), "per_hour"),
        (lambda: bl.Arrivals.constant(float("nan")), "per_hour"),
        (lambda: bl.Arrivals.constant(task="soon"), "duration"),
        (lambda: bl.Arrivals.constant(task=None), "task"),
        (lambda: bl.Arrivals.constant(jitter=1), "jitter"),
        (lambda: bl.Arrivals.office_hours(begin=18, end=8), "end"),
        (lambda: bl.Arrivals.office_hours(begin=7.5), "begin"),
        (lambda: bl.Arrivals.bursts(0), "size"),
        (lambda: bl.Arrivals.bursts(2.5), "size"),
        (lambda: bl.Arrivals.bursts(every="0s"), "every"),
        (lambda: bl.Arrivals.listed("8h"), "entries"),
        (lambda: bl.Arrivals.listed([("8h", -1)]), "entries[0]"),
        (lambda: bl.Arrivals.listed([("8h", 1, "1m", "?")]), "entries[0]"),
        (lambda: bl.Arrivals.listed([("8h", 2_000_000)]), "entries[0]"),
        (lambda: bl.Arrivals.recorded(3), "journal"),
        (lambda: bl.Arrivals.constant(1_000_000).draw(31), "days"),
    ],
)
def test_pattern_that_makes_no_sense_is_refused(make, name):
    with pytest.raises(bl.InvalidRequest) as refused:
        make()
    assert refused.value.code == "InvalidPropertyValue"
    assert name in refused.value.message
