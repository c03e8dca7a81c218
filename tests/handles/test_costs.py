"""`lab.cost`, `pool.cost` and `lab.vm_sizes`, as a person meets them."""

from __future__ import annotations

import pytest

import batchlab as bl
from batchlab.handles.costs import amount


@pytest.fixture
def day() -> bl.SimulatedLab:
    """A lab with an hour of work and an hour of idling behind it."""
    lab = bl.SimulatedLab(boot="12m")
    pool = lab.create_pool("p", vm_size="Large", target_dedicated_nodes=2)
    pool.nodes.wait()
    lab.create_job("j", pool).create_task("t", "sleep 3600").wait()
    return lab


def test_cost_says_what_ran_and_what_idled(day: bl.SimulatedLab) -> None:
    cost = day.cost
    assert cost.node_hours == pytest.approx(2.133, abs=0.01)
    assert cost.task_hours == pytest.approx(1, abs=0.01)
    assert cost.idle_hours == pytest.approx(1, abs=0.01)
    assert cost.cost == pytest.approx(0.683, abs=0.01)
    assert cost.idle_cost == pytest.approx(0.32, abs=0.01)
    assert [row.vm_size for row in cost] == ["large"]
    assert "$0.68 at list prices" in repr(cost)
    assert "47% idle" in day.pools["p"]._repr_html_()


def test_cost_as_a_frame_has_a_row_for_each_size_and_kind(day: bl.SimulatedLab) -> None:
    day.create_pool("q", target_low_priority_nodes=1).nodes.wait()
    frame = day.cost.to_frame()
    assert list(frame.index) == ["large", "small"]
    assert list(frame["is_dedicated"]) == [True, False]
    assert frame["task_hours"]["large"] == pytest.approx(1, abs=0.01)
    assert list(day.cost.to_frame(["machines"]).columns) == ["machines"]


def test_cost_is_a_picture_and_does_not_move(day: bl.SimulatedLab) -> None:
    cost = day.cost
    day.advance("1h")
    assert cost.node_hours == pytest.approx(2.133, abs=0.01)
    assert day.cost.node_hours == pytest.approx(4.133, abs=0.01)


def test_cost_of_a_deleted_pool_stays_with_the_lab(day: bl.SimulatedLab) -> None:
    pool = day.pools["p"]
    pool.delete()
    pool.wait("deleted")
    before = day.cost.cost
    assert before > 0.6
    day.advance("10h")
    assert day.cost.cost == before
    with pytest.raises(bl.NotFound, match="PoolNotFound"):
        _ = pool.cost


def test_cost_of_seconds_is_not_shown_as_nothing() -> None:
    lab = bl.SimulatedLab(boot="3s")
    lab.create_pool("p", target_dedicated_nodes=1).nodes.wait()
    lab.create_job("j", "p").create_task("t", "sleep 5").wait()
    assert repr(lab.cost) == (
        "0.0017 node-hours: 0.0014 busy, 0.00 idle; $0.00013 at list prices, of which $0.00 for "
        "idle time"
    )
    assert "$0.00013 for 0.0017 node-hours" in lab.pools["p"]._repr_html_()
    assert ">0.0014</td>" in (lab.cost._repr_html_() or "")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0.00"), (0.00000001, "0.000000"), (0.0000267, "0.000027"), (0.0042, "0.0042"),
        (0.0984, "0.098"), (0.1, "0.10"), (1234.567, "1,234.57"),
    ],
)  # fmt: skip
def test_amount_has_as_many_digits_as_matter(value: float, text: str) -> None:
    assert amount(value) == text


def test_cost_without_a_price_says_so() -> None:
    with bl.SimulatedLab(boot="0s") as lab:
        lab.create_pool("p", vm_size="standard_m128", target_dedicated_nodes=1).nodes.wait()
        lab.advance("1h")
        assert lab.cost.unpriced == ["standard_m128"]
        assert lab.cost.cost == 0
        assert "(standard_m128: price unknown)" in repr(lab.cost)
        assert ">unknown<" in lab.cost._repr_html_()
        assert "price unknown for" in lab.pools["p"]._repr_html_()
        report = lab.report()
        for text in (
            repr(lab.cost), lab.cost._repr_html_(), lab._repr_html_(), repr(report),
            report._repr_html_(), str(report.tables),
        ):  # fmt: skip
            assert "$" not in text.replace("List prices of 2025 in US dollars", "")


def test_cost_with_and_without_prices_names_what_is_left_out() -> None:
    with bl.SimulatedLab(boot="0s") as lab:
        lab.create_pool("p", vm_size="standard_m128", target_dedicated_nodes=1).nodes.wait()
        lab.create_pool("q", vm_size="medium", target_dedicated_nodes=1).nodes.wait()
        lab.advance("1h")
        assert lab.cost.cost_text == "$0.16 without standard_m128 (price unknown)"
        assert lab.cost.is_priced
        assert not lab.pools["p"].cost.is_priced


def test_unknown_size_is_refused_by_every_verb_that_takes_one() -> None:
    with bl.SimulatedLab(boot="0s") as lab:
        auto = bl.AutoPoolSpecification(
            pool_lifetime_option="job", pool=bl.PoolSpec(vm_size="Standard_D4s_v3x")
        )
        for create in (
            lambda: lab.create_pool("p", vm_size="Standard_D4s_v3x"),
            lambda: lab.create_job("j", auto),
            lambda: bl.simulate(
                "$TargetDedicatedNodes = 1;", bl.Arrivals.constant(4), vm_size="Standard_D4s_v3x"
            ),
        ):
            with pytest.raises(bl.InvalidRequest, match="did you mean 'standard_d4s_v3'"):
                create()
        assert not lab.pools
        assert not lab.jobs


def test_simulation_of_a_size_without_a_price_says_so() -> None:
    sim = bl.simulate(
        "$TargetDedicatedNodes = 1;",
        bl.Arrivals.constant(4),
        vm_size="Standard_D16s_v5",
        days=0.05,
    )
    assert sim.numbers()["cost"] is None
    for text in (repr(sim), sim._repr_html_()):
        assert "price unknown" in text
        assert "$0.00" not in text


def test_cost_of_an_empty_lab_is_nothing() -> None:
    with bl.SimulatedLab() as lab:
        assert (len(lab.cost), lab.cost.cost, lab.cost.node_hours) == (0, 0, 0)
        assert repr(lab.cost) == "no node has been allocated yet"


def test_sizes_are_found_without_regard_to_case() -> None:
    with bl.SimulatedLab() as lab:
        sizes = lab.vm_sizes
        assert sizes["SMALL"] == bl.VmSize("small", 1, 1.75, 225, 0.08)
        assert "Standard_D4s_v3" in sizes
        assert sizes.get("standard_d4s_v3").cores == 4
        assert sizes.get("huge") is None
        assert len(sizes) == len(list(sizes)) == len(repr(sizes).splitlines())
        assert sizes["small"].most_task_slots == 4
        with pytest.raises(bl.NotFound, match="unknown size 'huge'"):
            sizes["huge"]
        with pytest.raises(bl.InvalidRequest, match="the name of a size"):
            sizes[0]


def test_slots_of_a_size_are_limited_by_its_cores() -> None:
    with bl.SimulatedLab() as lab:
        for name, size in lab.vm_sizes.items():
            most = size.most_task_slots
            assert lab.create_pool(name, vm_size=name, task_slots_per_node=most)
            with pytest.raises(bl.InvalidRequest, match=f"must be 1 to {most}"):
                lab.create_pool("q", vm_size=name, task_slots_per_node=most + 1)
