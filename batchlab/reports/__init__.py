"""Reports: what a lab, a pool or a job did, with numbers, tables and figures.

A report is made from the changes that the service remembers, so deleted things have reports, too.
It is a snapshot: what happens later is in a later report.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from markupsafe import Markup

from batchlab.display import Displayed, is_kernel, show_figure
from batchlab.drivers.ports import Connection
from batchlab.errors import NotInstalled, invalid
from batchlab.history.subject import SubjectHistory, tables_of
from batchlab.html import card
from batchlab.reports.numbers import Numbers, count
from batchlab.reports.sentences import Grid, grids, sentences
from batchlab.words import money, span_text

__all__ = ["ActivityReport", "Numbers", "report_of"]

_TITLES = {"lab": "Lab report", "pool": "Pool report", "job": "Job report"}


def report_of(
    connection: Connection, kind: Literal["lab", "pool", "job"], name: str
) -> ActivityReport:
    """Make a report of a lab, a pool or a job.

    Raises
    ------
    NotFound
        ``PoolNotFound``, ``JobNotFound``: there is none and never was.
    """
    history = SubjectHistory(tables_of(connection), kind, name)
    return ActivityReport(_TITLES[kind], name, count(history))


class ActivityReport(Displayed):
    """What a lab, a pool or a job did; from `Lab.report`, `Pool.report` and `Job.report`.

    A notebook displays it with its figures; elsewhere it is text.

    Attributes
    ----------
    title : str
    name : str
        The id of the pool or job.
    numbers : Numbers
        The numbers behind the sentences, tables and figures.
    """

    def __init__(self, title: str, name: str, numbers: Numbers) -> None:
        self.title, self.name, self.numbers = title, name, numbers
        self._figures: dict[str, Any] | None = None

    @property
    def figures(self) -> dict[str, Any]:
        """The plotly figures that have something to show, by name.

        ``tasks``, ``nodes``, ``slots``, ``waiting``, ``run_times``, ``preparation``, ``cost``.

        Raises
        ------
        NotInstalled
            plotly is not installed: ``pip install "batchlab[plotly]"``.
        """
        if self._figures is None:
            from batchlab.reports.figures import figures  # noqa: PLC0415 - plotly is heavy

            self._figures = figures(self.numbers)
        return self._figures

    @property
    def tables(self) -> list[Grid]:
        """Tables of text, each with `title`, `columns` and `rows`; empty ones are left out."""
        return grids(self.numbers)

    @property
    def summary(self) -> str:
        """The report in a few lines."""
        return "\n".join(f"{label}: {text}" for label, text in sentences(self.numbers))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Save it as one HTML file, which works without a network or a kernel (about 5 MB).

        Parameters
        ----------
        path : str or path
            The file to write; an existing file is replaced.

        Returns
        -------
        Path

        Raises
        ------
        NotInstalled
            plotly is not installed: ``pip install "batchlab[plotly]"``.
        """
        if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
            raise invalid("path", path, "must be the path of a file", owner="ActivityReport.save")
        figures = self.figures
        from batchlab.reports.page import page  # noqa: PLC0415 - only to save

        said = sentences(self.numbers)
        text = page(self.title, self.name, _tiles(self.numbers), said, figures, self.tables)
        target = Path(os.fspath(path))
        target.write_text(text, encoding="utf-8")
        return target

    def __repr__(self) -> str:
        told = sentences(self.numbers)
        width = max(len(label) for label, _ in told)
        lines = [f"{self.title} {self.name}".rstrip()]
        lines += [f"  {label:<{width}}  {text}" for label, text in told]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return str(self._html(""))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

    def _html(self, note: str) -> Markup:
        drawn = [grid.html() for grid in self.tables]
        return card(self.title, self.name, sentences(self.numbers), *drawn, note)

    def _ipython_display_(self, **options: Any) -> None:
        if not is_kernel():
            print(repr(self))  # noqa: T201 - a terminal
            return
        from IPython.display import display  # noqa: PLC0415 - this is a kernel

        show: Any = display
        note, figures = "", {}
        try:
            figures = self.figures
        except NotInstalled as error:
            note = error.message
        html = str(self._html(note))
        show({"text/plain": repr(self), "text/html": html}, raw=True)
        for figure in figures.values():
            show_figure(figure)


def _tiles(numbers: Numbers) -> list[tuple[str, str]]:
    """The main numbers, with their labels."""
    tiles = [
        (f"{numbers.succeeded:,}", "tasks succeeded"),
        (f"{numbers.failed:,}", "tasks failed"),
    ]
    if numbers.running or numbers.waiting:
        tiles.append((f"{numbers.running + numbers.waiting:,}", "tasks left"))
    median = numbers.run_time(0.5)
    if median is not None:
        tiles.append((span_text(median), "median run"))
    if numbers.utilisation is not None:
        tiles.append((f"{numbers.utilisation:.0%}", "of the slots in use"))
    if numbers.cost:
        tiles.append((money(numbers.total_cost), "at list prices"))
    return tiles
