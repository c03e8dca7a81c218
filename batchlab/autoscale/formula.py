"""`Formula`: a text that is parsed once and can be printed, checked and evaluated anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from batchlab.autoscale.checks import SAMPLED_NAMES
from batchlab.autoscale.evaluate import Evaluation
from batchlab.autoscale.lint import Findings, lint
from batchlab.autoscale.names import SAMPLED, canonical, is_service, nearest
from batchlab.autoscale.problems import Source
from batchlab.autoscale.results import AutoScaleRun, Targets
from batchlab.autoscale.samples import SampleHistory
from batchlab.autoscale.syntax import Call, Name, Program, print_program, walk
from batchlab.autoscale.values import Refused, Timestamp, as_timestamp, in_utc
from batchlab.errors import InvalidRequest, invalid

__all__ = ["Formula", "Samples"]

Samples = Mapping[str, SampleHistory | Iterable[tuple[datetime, float]]]

_LARGEST_COUNT = 2**31 - 1
_NO_MOMENT = datetime(1970, 1, 1, tzinfo=UTC)


class Formula:
    """An autoscale formula.

    Parameters
    ----------
    text : str
        Statements separated by ``;``: at most 8192 characters and 100 statements.

    Raises
    ------
    FormulaError
        ``AutoScalingFormulaSyntaxError`` or ``AutoScalingFormulaTooLong``, with the line, the
        column, what was expected and a hint.

    Examples
    --------
    >>> formula = Formula("$TargetDedicatedNodes = min(25, $PendingTasks);")
    >>> run = formula.evaluate(samples={"$PendingTasks": [(moment, 40.0)]}, now=moment)
    >>> run.results
    '$TargetDedicatedNodes=25;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue'
    """

    __slots__ = ("_program", "_source", "_text")

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise invalid("formula", text, "must be a string", owner="Formula")
        # Parsing needs lark, which `import batchlab` should not load.
        from batchlab.autoscale.parse import parse  # noqa: PLC0415

        self._text = text
        self._source = Source(text)
        self._program = parse(self._source)

    @property
    def text(self) -> str:
        """The formula as given."""
        return self._text

    @property
    def program(self) -> Program:
        """The tree."""
        return self._program

    def __str__(self) -> str:
        """Write the formula with one statement per line, in canonical spelling."""
        return print_program(self._program)

    def __repr__(self) -> str:
        shown = self.text if len(self.text) <= 60 else self.text[:57] + "..."
        return f"Formula({shown!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Formula) and self._program == other._program

    def __hash__(self) -> int:
        return hash(self._program)

    def __reduce__(self) -> tuple[type[Formula], tuple[str]]:
        return Formula, (self.text,)

    def lint(self) -> Findings:
        """Find errors and likely mistakes without evaluating the formula."""
        return lint(self._program, self._source)

    def evaluate(
        self,
        samples: Samples | None = None,
        *,
        now: datetime | None = None,
        seen_until: datetime | None = None,
        current_dedicated: int = 0,
        current_low_priority: int = 0,
        seed: int | None = None,
        earlier_rules: bool = False,
    ) -> AutoScaleRun:
        """Evaluate the formula; an evaluation error becomes the `error` of the result.

        Parameters
        ----------
        samples : mapping of str to samples, optional
            For each sampled variable, pairs of a datetime and a number in any order, or a
            `SampleHistory`. The formula sees all of them up to `seen_until`.
        now : datetime, optional
            The time of the evaluation, in UTC if it has no time zone. The default is the time of
            the newest sample. Without samples, `now` is required if the formula calls ``time()``.
        seen_until : datetime, optional
            Ignore samples later than this; `now` if omitted. Azure shows a sample only some time
            after it was taken: give ``now`` minus 30 seconds to see what it would show.
        current_dedicated, current_low_priority : int, default 0
            The current targets. They are the result if the formula sets no target, and the values
            of ``$CurrentDedicatedNodes`` and ``$CurrentLowPriorityNodes`` if `samples` does not
            contain these.
        seed : int, optional
            The seed of ``rand()``; derived from `now` by default. Equal arguments always give
            equal results.
        earlier_rules : bool, default False
            Read samples as journals of earlier versions of batchlab did: any window that is not
            empty is enough, and ``GetSample(n)`` fails if there are no samples.

        Returns
        -------
        AutoScaleRun

        Raises
        ------
        InvalidRequest
            ``InvalidPropertyValue``: an argument is invalid;
            ``MissingRequiredProperty``: the formula calls ``time()`` and `now` is missing.
        """
        given = _by_canonical_name(samples)
        current = Targets(
            _count("current_dedicated", current_dedicated),
            _count("current_low_priority", current_low_priority),
        )
        histories = _histories(given)
        moment = self._moment(now, given, histories)
        if seed is None:
            seed = moment.ticks
        elif isinstance(seed, bool) or not isinstance(seed, int):
            raise invalid("seed", seed, "must be a whole number", owner="evaluate")
        seen = None if seen_until is None else _read_moment("seen_until", seen_until).moment()
        evaluation = Evaluation(
            self._source, histories, moment, current, seed, seen, earlier_rules
        )
        return evaluation.run(self._program)

    def _moment(
        self, now: datetime | None, given: Iterable[str], histories: _Histories
    ) -> Timestamp:
        if now is None:
            known = [history for name in given if (history := histories(name)) is not None]
            newest = [history.times[-1] for history in known if history.times]
            if not newest and self._reads_clock():
                raise InvalidRequest(
                    "MissingRequiredProperty",
                    "evaluate.now is required because the formula calls time(): pass now=...",
                    {"PropertyName": "now"},
                )
            now = max(newest, default=_NO_MOMENT)
        return _read_moment("now", now)

    @property
    def sampled(self) -> frozenset[str]:
        """The sampled variables that the formula uses, in canonical spelling."""
        names = (
            SAMPLED_NAMES.get(node.name)
            for statement in self._program.statements
            for node in walk(statement.value)
            if isinstance(node, Name)
        )
        return frozenset(name for name in names if name is not None)

    def _reads_clock(self) -> bool:
        return any(
            isinstance(node, Call) and node.name == "time" and not node.arguments
            for statement in self._program.statements
            for node in walk(statement.value)
        )


def _read_moment(name: str, value: Any) -> Timestamp:
    if not isinstance(value, datetime):
        raise invalid(name, value, "must be a datetime, such as "
                      "datetime(2024, 5, 6, 9, 0, tzinfo=UTC)", owner="evaluate")  # fmt: skip
    try:
        return as_timestamp(in_utc(value))
    except Refused as refused:
        raise invalid(name, value, refused.message, owner="evaluate") from None


_Histories = Callable[[str], SampleHistory | None]


def _by_canonical_name(samples: Any) -> dict[str, Any]:
    if samples is None:
        return {}
    if not isinstance(samples, Mapping):
        raise invalid("samples", samples, "must be a mapping, such as "
                      '{"$PendingTasks": [(moment, 4.0), ...]}', owner="evaluate")  # fmt: skip
    given: dict[str, Any] = {}
    for name, history in samples.items():
        known = SAMPLED_NAMES.get(name)
        if known is None and isinstance(name, str):
            known = SAMPLED_NAMES.get(canonical(name))
        if known is None:
            raise invalid("samples", name, _unknown_name(name), owner="evaluate")
        given[known] = history
    return given


def _unknown_name(name: Any) -> str:
    hint = ""
    if isinstance(name, str) and not is_service(canonical(name)):
        hint = nearest(name)
    return hint or f"unknown sampled variable; valid names: {', '.join(SAMPLED)}"


def _histories(given: dict[str, Any]) -> _Histories:
    """Build histories on demand: a formula rarely reads all of them."""

    def history_of(name: str) -> SampleHistory | None:
        history = given.get(name)
        if history is None or isinstance(history, SampleHistory):
            return history
        history = given[name] = SampleHistory(history, name)
        return history

    return history_of


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST_COUNT:
        raise invalid(name, value, "must be a whole number, 0 or more", owner="evaluate")
    return value
