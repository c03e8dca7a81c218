"""Words and numbers as people read them."""

from batchlab.words import natural


def test_ids_are_sorted_as_people_count() -> None:
    ids = ["task10", "a", "task2", "10", "Task1", "2", "x²"]
    assert sorted(ids, key=natural) == ["2", "10", "a", "Task1", "task2", "task10", "x²"]
