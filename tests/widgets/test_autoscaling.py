"""What evaluations look like: in a pool's card, as a history, one at a time."""

import pytest

import batchlab as bl

FORMULA = "n = $PendingTasks.Count() < 1 ? 0 : 1; // <b>\n$TargetDedicatedNodes = min(1, n);"


@pytest.fixture
def pool():
    with bl.SimulatedLab(boot="0s") as lab:
        pool = lab.create_pool(
            "p", enable_auto_scale=True, auto_scale_formula=FORMULA,
            auto_scale_evaluation_interval="5m",
        )  # fmt: skip
        lab.advance("11m")
        yield pool


def test_card_of_a_pool_tells_its_last_evaluation(pool):
    assert "09:10:00 UTC: changed nothing" in pool._repr_html_()


def test_history_shows_the_newest_evaluation_first(pool):
    history = pool.auto_scale_history
    assert [run.outcome for run in history] == ["unchanged", "resized", "unchanged"]
    html = history._repr_html_()
    assert html.index("09:10:00") < html.index("09:05:00") < html.index("09:00:00")
    assert "0 → 1" in html
    assert "started a resize" in html
    assert repr(history).splitlines()[1].endswith("n=1 (resized)>")


def test_explanation_of_a_formula_is_not_read_as_mathematics(pool):
    html = pool.evaluate_auto_scale("$a = 1; $TargetDedicatedNodes = min(3, $a);").explain()
    assert html._repr_html_().startswith('<ul class="mathjax_ignore tex2jax_ignore"><li>')


def test_history_before_the_first_evaluation_says_so(pool):
    pool.disable_auto_scale()
    assert repr(pool.auto_scale_history) == "no evaluations yet"
    assert "no evaluations yet" in pool.auto_scale_history._repr_html_()
    assert "changed nothing" not in pool._repr_html_()


def test_failed_evaluation_shows_the_place(pool):
    run = pool.evaluate_auto_scale("$TargetDedicatedNodes = 1 / 0;")
    html = run._repr_mimebundle_()["text/html"]
    assert "AutoScalingFormulaEvaluationError" in html
    assert "^" in html


def test_long_history_and_long_formula_are_cut(pool):
    long = pool.evaluate_auto_scale("".join(f"v{n} = {n};" for n in range(50)))
    assert "and 30 more" in long._repr_mimebundle_()["text/html"]
    history = type(pool.auto_scale_history)([long] * 30)
    assert "and 10 more" in history._repr_html_()
