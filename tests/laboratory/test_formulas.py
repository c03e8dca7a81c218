"""Each formula of the library, tried: what its docstring says is what a simulation shows."""

import inspect
from datetime import UTC, datetime, timedelta

import pytest

import batchlab as bl

f = bl.formulas
MAKERS = {name: getattr(f, name) for name in f.__all__}
OFTEN = {"auto_scale_evaluation_interval": "5m"}
LONG = bl.Arrivals.office_hours(20, task="1h")
SHORT = bl.Arrivals.office_hours(600, task="20s")


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_formula_is_sound_documented_and_never_fails(make):
    formula = make()
    assert formula.lint() == ()
    words = inspect.getdoc(make)
    assert "**Good**" in words
    assert "**Bad**" in words
    result = bl.simulate(formula, bl.Arrivals.office_hours(60), **OFTEN, preempted_each="4h")
    assert result.failed_evaluation_count == 0
    assert result.requeue_count == 0  # none stops a running task to shrink


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_formula_bears_a_pool_without_any_sample(make):
    moment = datetime(2026, 1, 5, 9, tzinfo=UTC)
    run = make().evaluate(now=moment, current_dedicated=3)
    assert run.error is None or "InsufficientSampleData" not in run.error.code
    assert run.error is None


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: f.fixed(-1), "nodes"),
        (lambda: f.fixed(2.5), "nodes"),
        (lambda: f.day_of_week(weekday=8), "weekday"),
        (lambda: f.office_hours(hours_from_utc=24), "hours_from_utc"),
        (lambda: f.pending_tasks("25"), "most"),
        (lambda: f.slots(0), "per_node"),
        (lambda: f.cpu_rule(least=0), "least"),
        (lambda: f.cpu_rule(high=101), "high"),
        (lambda: f.spot_with_stand_ins(0), "nodes"),
        (lambda: f.idle_off(minutes=True), "minutes"),
    ],
)
def test_number_that_makes_no_sense_is_refused(make, name):
    with pytest.raises(bl.InvalidRequest) as refused:
        make()
    assert name in refused.value.message


def test_fixed_pool_is_quick_at_any_load_and_pays_for_the_night():
    result = bl.compare({"fixed": f.fixed(30), "pending": f.pending_tasks(30)}, LONG, **OFTEN)
    fixed, pending = result["fixed"], result["pending"]
    assert fixed.wait_percentile(95) <= pending.wait_percentile(95)
    assert fixed.idle_share > 0.5
    assert fixed.cost.cost > 2 * pending.cost.cost


def test_day_of_week_has_its_nodes_on_that_day_only():
    result = bl.simulate(f.day_of_week(8, 2), bl.Arrivals.constant(10), days=2)
    nodes = result.nodes
    assert nodes[12 * 60] == 8  # Monday noon
    assert nodes[36 * 60] == 2  # Tuesday noon
    sunday = f.day_of_week(8, 2, weekday=7)
    moment = datetime(2026, 1, 11, 9, tzinfo=UTC)
    assert sunday.evaluate(now=moment).target_dedicated_nodes == 8
    assert sunday.evaluate(now=moment + timedelta(days=1)).target_dedicated_nodes == 2


def test_office_hours_are_ready_in_the_morning_and_empty_handed_at_night():
    late = bl.Arrivals.listed([("22h", 40)], task="10m")
    result = bl.compare({"hours": f.office_hours(25, 1), "pending": f.pending_tasks(25)},
                        LONG + late, **OFTEN)  # fmt: skip
    hours, pending = result["hours"], result["pending"]
    assert hours.nodes[8 * 60 + 10] == 25
    morning = hours.timeline["waiting_tasks"][8 * 60 : 9 * 60]
    assert sum(morning) < sum(pending.timeline["waiting_tasks"][8 * 60 : 9 * 60])
    assert hours.nodes[22 * 60 + 30] == 1  # whoever works late waits
    assert hours.never_started_count > 0
    assert pending.never_started_count == 0


def test_office_hours_follow_the_zone():
    moment = datetime(2026, 1, 5, 13, tzinfo=UTC)  # seven in the morning in Chicago
    formula = f.office_hours(20, 2, hours_from_utc=-6)
    assert formula.evaluate(now=moment).target_dedicated_nodes == 2
    assert formula.evaluate(now=moment + timedelta(hours=1)).target_dedicated_nodes == 20


def test_pending_tasks_pays_little_for_long_tasks_and_much_for_short_ones():
    long, short = (bl.simulate(f.pending_tasks(25), load, **OFTEN) for load in (LONG, SHORT))
    assert long.idle_share < 0.2
    assert short.cost.idle_hours + short.cost[0].boot_hours > 0.4 * short.node_hours
    assert long.succeeded_count == long.task_count


def test_slots_asks_for_a_quarter_of_what_pending_tasks_asks_for():
    load = bl.Arrivals.office_hours(100, task="20m")
    result = bl.compare({"slots": f.slots(4, 100), "pending": f.pending_tasks(100)}, load,
                        vm_size="large", task_slots_per_node=4, **OFTEN)  # fmt: skip
    assert result["slots"].node_hours < 0.6 * result["pending"].node_hours
    assert result["slots"].most_nodes < 0.5 * result["pending"].most_nodes
    assert result["slots"].wait_percentile(95) < timedelta(minutes=20)


def test_slow_decay_keeps_nodes_for_the_next_burst_and_idles_after_the_last():
    near = bl.Arrivals.bursts(16, every="25m", first="1h", task="10m", jitter=0)
    far = bl.Arrivals.bursts(16, every="8h", first="1h", task="10m", jitter=0)
    formulas = {"decay": f.slow_decay(16), "pending": f.pending_tasks(16)}
    together, apart = (bl.compare(formulas, load, **OFTEN) for load in (near, far))
    assert together["decay"].mean_wait < together["pending"].mean_wait
    assert apart["decay"].idle_hours > apart["pending"].idle_hours
    assert apart["decay"].nodes[-1] == 0


def test_cpu_rule_is_slow_to_follow_a_jump_and_blind_to_lazy_tasks():
    jump = bl.Arrivals.listed([("2h", 60)], task="2h")
    result = bl.compare({"cpu": f.cpu_rule(60), "pending": f.pending_tasks(60)}, jump, **OFTEN)
    assert result["cpu"].mean_wait > 2 * result["pending"].mean_wait
    assert result["cpu"].nodes[3 * 60] < 60
    lazy = bl.Arrivals.listed([("2h", 60)], task=bl.Behavior(duration="2h", load=bl.Load(cpu=0)))
    assert bl.simulate(f.cpu_rule(60), lazy, **OFTEN).most_nodes == 2
    steady = bl.Arrivals.constant(60, task="10m")
    grown = bl.simulate(f.cpu_rule(60), steady, days=2, **OFTEN)
    assert 8 <= grown.nodes[-1] <= 30  # ten nodes' worth of work


def test_spot_with_stand_ins_keeps_the_number_of_nodes_and_costs_less():
    load = bl.Arrivals.constant(60, task="10m")
    away = {"preempted_each": "6h", "spot_return": "1h", "seed": 3}
    result = bl.compare({"spot": f.spot_with_stand_ins(12), "fixed": f.fixed(12)}, load, **OFTEN,
                        **away)  # fmt: skip
    spot = result["spot"]
    assert spot.preempted_count > 0
    assert spot.cost.cost < 0.6 * result["fixed"].cost.cost
    assert max(spot.timeline["dedicated_nodes"]) > 0
    assert spot.mean_nodes == pytest.approx(12, rel=0.1)
    long = bl.Arrivals.constant(1.5, task="6h")
    assert bl.simulate(f.spot_with_stand_ins(12), long, **OFTEN, **away).preempted_count > 10


def test_idle_off_turns_the_pool_off_and_on_again():
    load = bl.Arrivals.listed([("6h", 8), ("18h", 8)], task="30m")
    result = bl.simulate(f.idle_off(4, minutes=60), load, **OFTEN)
    at = [result.nodes[hour * 60] for hour in (5, 7, 10, 17, 19, 23)]
    assert at == [0, 4, 0, 0, 4, 0]
    assert result.never_started_count == 0
    sparse = bl.Arrivals.bursts(1, every="50m", first="1h", task="1m")
    idle = bl.simulate(f.idle_off(4, minutes=60), sparse, **OFTEN)
    assert idle.idle_share > 0.9  # tasks come just often enough to keep it on
