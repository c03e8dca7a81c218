"""Lesson 09: what learners try, and the hint that is meant for it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

import batchlab as bl
from batchlab import lessons

SORT = "/bin/sh -c 'sort names.txt > sorted.txt'"
AWAY = bl.OutputFile(file_pattern="sorted.txt", destination="sorted")
UP = "../std*.txt"


@pytest.fixture
def lab() -> Iterator[bl.SimulatedLab]:
    """A lab whose nodes can sort these three names."""
    rules = {"sort *": bl.Behavior(duration="1s", stdout="Ada\nBarbara\nGrace\n")}
    with bl.SimulatedLab(workload=bl.Workload(rules=rules)) as opened:
        yield opened


def sort(lab: bl.SimulatedLab, line: str = SORT, **changed: Any) -> lessons.Answer:
    names = lab.storage.create_container("names")
    names.upload(b"Grace\nBarbara\nAda\n", "names.txt")
    blob = changed.pop("blob", "names.txt")
    if changed.pop("container", True):
        lab.storage.create_container("sorted")
    wanted = {"resource_files": [names.url_of(blob)], "output_files": [AWAY]} | changed
    task = lab.create_job("sorting", "two").create_task("sort", line, **wanted)
    lab.advance("5m")
    return lessons.check("09-1", task)


def to(path: str | None, pattern: str = "sorted.txt") -> list[bl.OutputFile]:
    destination = bl.OutputFileBlobContainerDestination(container_url="sorted", path=path)
    return [bl.OutputFile(file_pattern=pattern, destination=destination)]


def test_09_1_with_the_names_sorted_is_right(lab: bl.SimulatedLab, pool: bl.Pool) -> None:
    assert sort(lab).is_right


def test_09_1_with_stdout_brought_away_is_right(lab: bl.SimulatedLab, pool: bl.Pool) -> None:
    assert sort(lab, "sort names.txt", output_files=to("sorted.txt", "../stdout.txt")).is_right


@pytest.mark.parametrize(
    ("line", "changed", "hint"),
    [
        (SORT, {"resource_files": None}, "come from the container"),
        ("sort names.txt > sorted.txt", {}, "is a plain word to sort"),
        (SORT, {"output_files": None}, "Save the results"),
        (SORT, {"container": False}, "does not create the container"),
        (SORT, {"output_files": to(None, "wd/sorted.txt")}, "how many files the pattern matched"),
        (SORT, {"output_files": to("sorted")}, "path is the name of the blob"),
        (SORT, {"output_files": to("sorted.txt", "*.txt")}, "path is the name of the blob"),
        ("/bin/sh -c 'cat names.txt > sorted.txt'", {}, "in alphabetical order"),
        ("/bin/sh -c 'cat name.txt > sorted.txt'", {}, "say on stderr"),
        (SORT, {"blob": "name.txt"}, "what was missing"),
        ("sleep 3600", {}, "waits for it"),
    ],
)
def test_09_1_of_a_wrong_answer_gives_its_hint(
    lab: bl.SimulatedLab, pool: bl.Pool, line: str, changed: dict[str, Any], hint: str
) -> None:
    answer = sort(lab, line, **changed)
    assert answer.outcome == "not yet"
    assert hint in answer.hint


def test_09_1_with_the_container_made_too_late_says_what_the_upload_did(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    sort(lab, container=False)
    lab.storage.create_container("sorted")
    assert (
        "there when the task ran" in lessons.check("09-1", lab.jobs["sorting"].tasks["sort"]).hint
    )


def examine(
    lab: bl.SimulatedLab,
    pattern: str = "../stderr.txt",
    path: str | None = "{}/stderr.txt",
    when: str = "taskfailure",
    codes: tuple[int, ...] = (0, 1, 0, 2),
) -> lessons.Answer:
    lab.storage.create_container("failures", exist_ok=True)
    job = lab.create_job("examined", "two")
    for number, code in enumerate(codes):
        name = f"exam{number}"
        destination = bl.OutputFileBlobContainerDestination(
            container_url="failures", path=path and path.format(name)
        )
        options = bl.OutputFileUploadConfiguration(upload_condition=when)
        job.create_task(
            name,
            f"/bin/sh -c 'echo code {code} >&2; exit {code}'",
            output_files=[
                bl.OutputFile(
                    file_pattern=pattern, destination=destination, upload_options=options
                )
            ],
        )
    lab.advance("5m")
    return lessons.check("09-2", job)


def test_09_2_with_stderr_of_the_failed_ones_is_right(lab: bl.SimulatedLab, pool: bl.Pool) -> None:
    assert examine(lab).is_right


@pytest.mark.parametrize(
    ("changed", "hint"),
    [
        ({"codes": (0, 0, 0)}, "Some should fail"),
        ({"codes": (1, 1, 1)}, "Some should fail"),
        ({"codes": (0, 1)}, "takes a list of command lines"),
        ({"pattern": "stderr.txt"}, "not in the working directory"),
        ({"when": "taskcompletion"}, "can say when it is uploaded"),
        ({"path": None}, "overwrite each other"),
        ({"pattern": UP}, "a directory with its id"),
        ({"pattern": UP, "path": "{}"}, "Only the stderr.txt"),
    ],
)
def test_09_2_of_a_wrong_answer_gives_its_hint(
    lab: bl.SimulatedLab, pool: bl.Pool, changed: dict[str, Any], hint: str
) -> None:
    answer = examine(lab, **changed)
    assert answer.outcome == "not yet"
    assert hint in answer.hint


def test_09_2_without_the_container_asks_who_makes_it(lab: bl.SimulatedLab, pool: bl.Pool) -> None:
    examine(lab)
    lab.storage.delete("failures")
    assert "does not create the container" in lessons.check("09-2", lab.jobs["examined"]).hint


def greet(
    lab: bl.SimulatedLab,
    *asked: tuple[str | None, str],
    line: str = "/bin/sh -c 'sh ${}/greet.sh'",
    words: tuple[str, str] = ("hello", "good morning"),
) -> lessons.Answer:
    greeter = lab.create_application("greeter")
    for version, word in zip(("1.0", "2.0"), words, strict=True):
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as into:
            into.writestr("greet.sh", f"echo {word}")
        greeter.create_package(version, archive.getvalue())
    job = lab.create_job("greetings", "two")
    for number, (version, variable) in enumerate(asked):
        references = [
            bl.ApplicationPackageReference(application_id="greeter", version=version)
        ] * (version != "none")
        job.create_task(
            f"greeting{number}",
            line.format(f"AZ_BATCH_APP_PACKAGE_greeter{variable}"),
            application_package_references=references,
        )
    lab.advance("5m")
    return lessons.check("09-3", job)


FIRST, SECOND = ("1.0", "_1_0"), ("2.0", "_2_0")


def test_09_3_with_two_versions_is_right(lab: bl.SimulatedLab, pool: bl.Pool) -> None:
    assert greet(lab, FIRST, SECOND).is_right


@pytest.mark.parametrize(
    ("asked", "changed", "hint"),
    [
        ((FIRST,), {}, "takes a list of command lines"),
        ((FIRST, FIRST), {}, "may name a version"),
        ((FIRST, SECOND), {"words": ("hello", "hello")}, "Do the two packages differ?"),
        (
            (("none", ""), ("none", "")),
            {"line": "echo hello"},
            "only if a task or a pool asks for it",
        ),
        ((FIRST, ("2.0", "")), {}, "A variable that is not set is empty"),
        ((FIRST, (None, "")), {}, "Does this version exist?"),
        ((FIRST, SECOND), {"line": "cat ${}/greet.sh"}, "a variable needs a shell"),
    ],
)
def test_09_3_of_a_wrong_answer_gives_its_hint(
    lab: bl.SimulatedLab,
    pool: bl.Pool,
    asked: tuple[tuple[str | None, str], ...],
    changed: dict[str, Any],
    hint: str,
) -> None:
    answer = greet(lab, *asked, **changed)
    assert answer.outcome == "not yet"
    assert hint in answer.hint


def test_09_1_of_names_that_are_typed_or_sorted_before_is_wrong(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    typed = sort(lab, "/bin/sh -c 'printf \"Ada\\nBarbara\\nGrace\\n\" > sorted.txt'")
    assert "whatever names are there" in typed.hint
    names = lab.storage["names"]
    names.upload(b"Ada\nBarbara\nGrace\n", "done.txt")
    job = lab.jobs["sorting"]
    copied = job.create_task("copied", "/bin/sh -c 'cp done.txt sorted.txt'",
                             resource_files=[names.url_of("done.txt")],
                             output_files=[AWAY])  # fmt: skip
    copied.wait()
    assert "should sort the names" in lessons.check("09-1", copied).hint
    lab.storage["sorted"].upload(b"Ada\nBarbara\nGrace\n", "sorted.txt")
    other = job.create_task("other", SORT.replace("sorted.txt", "other.txt"),
                            resource_files=[names.url_of("names.txt")],
                            output_files=[AWAY])  # fmt: skip
    other.wait()
    assert "what it uploaded" in lessons.check("09-1", other).hint


def test_09_1_in_another_form_is_right(lab: bl.SimulatedLab, pool: bl.Pool) -> None:
    into = bl.OutputFileBlobContainerDestination(container_url="sorted", path="sorted.txt")
    answer = sort(
        lab,
        '/bin/bash -c "cd in && sort names.txt > ../here.txt"',
        resource_files=[bl.ResourceFile(auto_storage_container_name="names", file_path="in")],
        output_files=[
            bl.OutputFile(
                file_pattern="here.txt",
                destination=bl.OutputFileDestination(container=into),
                upload_options=bl.OutputFileUploadConfiguration(upload_condition="TaskSuccess"),
            )
        ],
    )
    assert answer.is_right, answer


def test_09_2_with_files_from_the_notebook_or_tasks_that_never_ran_is_wrong(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    failures = lab.storage.create_container("failures")
    job = lab.create_job("mine", pool)
    job.create_tasks([bl.TaskSpec(id=f"t{n}", command_line=f"/bin/sh -c 'exit {n}'")
                      for n in range(3)])  # fmt: skip
    job.tasks.wait()
    for name in ("t1", "t2"):
        failures.upload(b"code", f"{name}/stderr.txt")
    assert "do it themselves" in lessons.check("09-2", job).hint
    job.create_task("never", "exit 1").wait()
    assert "failure_info says why" in lessons.check("09-2", job).hint


def test_09_2_in_another_form_is_right(lab: bl.SimulatedLab, pool: bl.Pool) -> None:
    answer = examine(lab, pattern="../stderr.*", path="{}", codes=(0, 3, 1, 0, 7))
    assert answer.is_right, answer


def test_09_3_by_the_default_version_is_right(lab: bl.SimulatedLab, pool: bl.Pool) -> None:
    greet(lab, FIRST)
    lab.applications["greeter"].update(default_version="2.0")
    lab.jobs["greetings"].create_task(
        "default",
        '/bin/sh -c "sh $AZ_BATCH_APP_PACKAGE_greeter/greet.sh"',
        application_package_references=[bl.ApplicationPackageReference(application_id="GREETER")],
    ).wait()
    answer = lessons.check("09-3", lab.jobs["greetings"])
    assert answer.is_right, answer


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ((FIRST, SECOND), "/bin/sh -c 'echo $AZ_BATCH_TASK_ID'"),
        ((FIRST, FIRST), "/bin/sh -c 'sh ${}/greet.sh; echo $AZ_BATCH_TASK_ID'"),
        ((SECOND, SECOND, SECOND), "/bin/sh -c 'echo $AZ_BATCH_TASK_ID; sh ${}/greet.sh'"),
    ],
)
def test_09_3_of_one_version_or_of_none_is_wrong(
    lab: bl.SimulatedLab, pool: bl.Pool, asked: tuple[tuple[str, str], ...], line: str
) -> None:
    assert greet(lab, *asked, line=line).outcome == "not yet"


def test_09_3_pinned_to_the_default_is_one_version(lab: bl.SimulatedLab, pool: bl.Pool) -> None:
    greet(lab, SECOND)
    lab.applications["greeter"].update(default_version="2.0")
    line = "/bin/sh -c 'sh $AZ_BATCH_APP_PACKAGE_greeter/greet.sh; echo again'"
    lab.jobs["greetings"].create_task(
        "default",
        line,
        application_package_references=[bl.ApplicationPackageReference(application_id="greeter")],
    ).wait()
    assert "may name a version" in lessons.check("09-3", lab.jobs["greetings"]).hint


def test_09_3_with_packages_of_the_pool_is_right(lab: bl.SimulatedLab, pool: bl.Pool) -> None:
    greet(lab)
    references = [
        bl.ApplicationPackageReference(application_id="greeter", version=version)
        for version in ("1.0", "2.0")
    ]
    lab.create_pool("packed", target_dedicated_nodes=1, application_package_references=references)
    job = lab.create_job("of-the-pool", "packed")
    for number in ("1_0", "2_0"):
        line = f"/bin/sh -c 'sh $AZ_BATCH_APP_PACKAGE_greeter_{number}/greet.sh'"
        job.create_task(f"t{number}", line)
    job.tasks.wait()
    answer = lessons.check("09-3", job)
    assert answer.is_right, answer
    same = lab.create_job("same", "packed")
    same.create_tasks([line] * 3)
    same.tasks.wait()
    assert "may name a version" in lessons.check("09-3", same).hint


def test_09_3_after_a_try_that_failed_is_right(lab: bl.SimulatedLab, pool: bl.Pool) -> None:
    tries = [("2.0", "_2"), FIRST, SECOND]
    answer = greet(lab, *tries, line="/bin/sh -c 'test -n \"${0}\" && sh ${0}/greet.sh'")
    assert answer.is_right, answer


def test_09_3_after_a_try_that_failed_still_needs_both(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    answer = greet(
        lab, FIRST, ("2.0", "_2"), line="/bin/sh -c 'test -n \"${0}\" && sh ${0}/greet.sh'"
    )
    assert "greeting1" in answer.text
