"""What a notebook shows of a refusal: the line that asked and the answer, not our insides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)  # of another one IPython warns
    made = InteractiveShell.instance()
    made.colors = "nocolor"
    made.history_manager.enabled = False
    yield made
    made.reset(new_session=False)
    made.restore_sys_module_state()  # it is no longer __main__
    InteractiveShell.clear_instance()


def shown(shell: Any, capsys: pytest.CaptureFixture[str], cell: str) -> str:
    shell.run_cell("import batchlab as bl\nlab = bl.SimulatedLab()")
    capsys.readouterr()
    shell.run_cell(cell)
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("cell", "answer"),
    [
        ("lab.create_job('j', 'p')\nlab.create_job('j', 'p')  # again", "Conflict: JobExists"),
        ("lab.create_job('j')  # again", "InvalidRequest: MissingRequiredProperty"),
        ("lab.jobs['none'].state  # again", "NotFound: JobNotFound"),
        ("lab.close()\nlab.create_job('j', 'p')  # again", "the lab is closed: open a new one"),
    ],
)
def test_refusal_in_a_notebook_shows_the_line_that_asked_and_none_of_ours(
    shell: Any, capsys: pytest.CaptureFixture[str], cell: str, answer: str
) -> None:
    text = shown(shell, capsys, cell)
    assert answer in text.splitlines()[-1]
    assert "# again" in text
    assert "batchlab/" not in text
    assert len(text.splitlines()) < 12


def test_refusal_raised_by_a_cell_itself_is_shown_as_any_exception(
    shell: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    text = shown(shell, capsys, "raise bl.Conflict('TaskExists', 'no')")
    assert "raise bl.Conflict" in text
    assert text.splitlines()[-1] == "Conflict: TaskExists: no"
