"""The table of a class: seats, what learners may send, order, and the file that keeps it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import batchlab as bl
from batchlab.classroom.server import as_csv
from batchlab.classroom.table import LETTERS, MOST_SEATS, ClassTable, new_code


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def table(clock: Clock) -> ClassTable:
    return ClassTable("ABCDEF", clock=clock)


def secret(number: int) -> str:
    return f"secret-of-learner-{number:04}"


def state(exercise: str = "03-1", **changes: Any) -> dict[str, Any]:
    return {"exercise": exercise, "tries": 1, "solved": [], "stuck_s": 0.0, **changes}


def test_seats_have_numbers_and_are_taken_once(table: ClassTable) -> None:
    assert [table.join(secret(n)).number for n in (5, 6, 5, 7)] == [1, 2, 1, 3]
    table.leave(secret(6))
    assert table.join(secret(6)).number == 4, "a number is not used for another learner"
    assert len(table) == 3


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("", ""),
        ("  Ada \n Lovelace\t", "Ada Lovelace"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("a\u202eb\x00c\u200bd", "a b c d"),
        ("x" * 5000, "x" * 40),
        ("Иван 李", "Иван 李"),
    ],
)
def test_names_are_tidy(table: ClassTable, given: str, shown: str) -> None:
    assert table.join(secret(1), given).name == shown
    assert table.join(secret(1)).name == shown, "a name is not forgotten"


def test_equal_names_have_seats_of_their_own(table: ClassTable) -> None:
    for number in (1, 2):
        table.join(secret(number), "Ada")
    assert [(row["seat"], row["name"]) for row in table.rows()] == [(1, "Ada"), (2, "Ada")]


def test_class_is_full_at_some_point(table: ClassTable) -> None:
    for number in range(MOST_SEATS):
        table.join(secret(number))
    with pytest.raises(bl.Forbidden, match="all 200 seats"):
        table.join(secret(9999))
    assert table.join(secret(3)).number == 4, "who has a seat may come back"


@pytest.mark.parametrize("bad", [None, 3, "short", "x" * 101, "ä" * 30, ["x" * 30]])
def test_secrets_are_checked(table: ClassTable, bad: Any) -> None:
    with pytest.raises(bl.InvalidRequest, match="secret"):
        table.join(bad)
    with pytest.raises(bl.InvalidRequest, match="secret"):
        table.report(bad, state())


@pytest.mark.parametrize(
    "changes",
    [
        {"exercise": "99-1"}, {"exercise": None}, {"exercise": ["03-1"]}, {"tries": "1"},
        {"tries": -1}, {"tries": True}, {"tries": 10**9}, {"solved": "03-1"},
        {"solved": ["x"] * 10_000}, {"stuck_s": "long"}, {"stuck_s": float("nan")},
        {"stuck_s": float("inf")}, {"stuck_s": -1}, {"stuck_s": True},
    ],
)  # fmt: skip
def test_states_are_checked_and_change_nothing(table: ClassTable, changes: dict[str, Any]) -> None:
    table.join(secret(1))
    before = table.rows()
    with pytest.raises(bl.InvalidRequest) as caught:
        table.report(secret(1), state(**changes))
    assert next(iter(changes)) in caught.value.message
    assert table.rows() == before


@pytest.mark.code("SeatNotFound")
def test_report_of_nobody_is_refused(table: ClassTable) -> None:
    with pytest.raises(bl.NotFound) as caught:
        table.report(secret(1), state())
    assert caught.value.code == "SeatNotFound"


def test_those_stuck_longest_come_first(table: ClassTable, clock: Clock) -> None:
    for number in range(1, 5):
        table.join(secret(number), lesson="02")
    table.report(secret(2), state(stuck_s=60))
    table.report(
        secret(3), state("05-2", stuck_s=300, tries=4, solved=["03-1", "05-1", "made up"])
    )
    table.report(secret(4), state(stuck_s=None, solved=["03-1"]))
    clock.now += 60
    rows = table.rows()
    assert [row["seat"] for row in rows] == [3, 2, 1, 4]
    assert [row["stuck_s"] for row in rows] == [360, 120, None, None]
    assert (rows[0]["exercise"], rows[0]["tries"], rows[0]["solved"]) == ("05-2", 4, 2)
    assert rows[0]["title"]
    assert (rows[2]["lesson"], rows[2]["exercise"]) == ("02", "")
    table.report(secret(2), state(stuck_s=1e300))
    assert table.rows()[0]["stuck_s"] == 7 * 86400


def test_codes_can_be_read_aloud_and_typed_anyhow(table: ClassTable) -> None:
    assert len({new_code() for _ in range(100)}) == 100
    assert not set("01IO") & set(LETTERS)
    assert all(map(table.is_code, ("ABCDEF", "abcdef", " abc-def ", "ABC DEF")))
    assert not any(map(table.is_code, ("", "ABCDE", "ABCDEFG", None, 3, ["ABCDEF"], "\ud800")))


@pytest.mark.parametrize("bad", ["", "abc", "a" * 21, "äöüß", "ab cd ef"])
def test_code_of_ones_own_is_checked(bad: str) -> None:
    with pytest.raises(bl.InvalidRequest, match="4 to 20 letters"):
        ClassTable(bad)


def test_class_goes_on_from_its_file(tmp_path: Path, clock: Clock) -> None:
    file = tmp_path / "class.json"
    first = ClassTable(file=file, clock=clock)
    first.join(secret(1), "Ada")
    first.join(secret(2))
    first.report(secret(1), state(stuck_s=60))
    first.leave(secret(2))
    again = ClassTable(file=file, clock=clock)
    assert again.code == first.code
    assert again.rows() == first.rows()
    assert again.join(secret(3)).number == 3
    assert ClassTable("other1", file, clock).code == "OTHER1"
    assert secret(1) not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == ["class.json"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("my thesis", "not the table of a class"),
        ("{}", "not the table of a class"),
        (json.dumps({"version": 2, "code": "A", "last_number": 0, "seats": []}), "later version"),
    ],
)
def test_other_files_are_not_overwritten(tmp_path: Path, content: str, reason: str) -> None:
    file = tmp_path / "class.json"
    file.write_text(content)
    with pytest.raises(bl.InvalidRequest, match=reason):
        ClassTable(file=file)
    assert file.read_text() == content


def test_class_goes_on_where_its_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    table = ClassTable(file=tmp_path / "folder" / "class.json")
    (tmp_path / "folder").rmdir()
    table.join(secret(1))
    assert table.problem.endswith("No such file or directory.")
    (tmp_path / "folder").mkdir()
    table.join(secret(2))
    assert table.problem == ""


def test_names_are_no_formulas_in_a_spreadsheet(table: ClassTable) -> None:
    table.join(secret(1), '=HYPERLINK("http://x")')
    table.join(secret(2), "Ada, B.")
    head, first, second = as_csv(table).splitlines()
    assert head.startswith("seat,name,lesson,exercise")
    assert first.startswith("1,\"'=HYPERLINK(")
    assert second.startswith('2,"Ada, B.",')
