"""The simulated shell says what a real one says; what it cannot read goes to the workload."""

import os
import shlex
import subprocess
from pathlib import Path
from random import Random

import pytest

from batchlab import Workload
from batchlab.core.model import TaskSpec
from batchlab.drivers.simulated.workload import Behavior
from helpers.simulated import add, connect, outcome, task

HERE = Path(__file__).parent
IS_DASH = Path("/bin/sh").resolve().name == "dash"
"""As on the nodes of the service; other shells differ in what is beside the standard."""


def lines(name):
    """Scripts, one a line, in which a sign stands for the end of a line."""
    return [line.replace("⏎", "\n") for line in (HERE / name).read_text().splitlines()]


def real(shell, script, tmp_path):
    done = subprocess.run(
        [shell, "-c", script],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "A": "alpha", "SPACED": " x  y "},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, bool(done.stderr)


def simulated(shell, script):
    result = outcome(
        f"{shell} -c {shlex.quote(script)}",
        workload=Workload("1h"),
        environment_settings={"A": "alpha", "SPACED": " x  y "},
    )
    assert result.seconds < 1  # nothing was left to the workload
    return result.code, result.out, bool(result.err)


@pytest.mark.skipif(not IS_DASH, reason="sh is not dash here")
@pytest.mark.parametrize("script", lines("sh_lines.txt"))
def test_script_does_what_it_does_in_sh(script, tmp_path):
    assert simulated("/bin/sh", script) == real("/bin/sh", script, tmp_path)


@pytest.mark.skipif(not IS_DASH, reason="the system's bash may be an old one")
@pytest.mark.parametrize("script", lines("bash_lines.txt"))
def test_script_does_what_it_does_in_bash(script, tmp_path):
    assert simulated("/bin/bash", script) == real("/bin/bash", script, tmp_path)


@pytest.mark.parametrize(
    ("script", "word"),
    [
        ("seq 1.5 3", "1.5 3"),
        ("fallocate -l much f", "fallocate"),
        ("echo $(case a in a) echo b;; esac)", "case inside"),
        ("case a in [^b]) echo b;; esac", "[^b]"),
        ("case a in ~) echo b;; esac", "~"),
        ("cat 3< f", "3<f"),
        ("echo ${X/a/b}", "part of bash"),
        ("echo 'a b' | awk '{print $1}'", "awk {print $1}"),
        ("tar cf t.tar *; ls", "tar cf t.tar *"),
        ("sed 'y/a/b/' f", "y/a/b/"),
        ("sort -V f", "-V"),
        ("wc -L f", "-L"),
        ("date -d yesterday", "-d"),
        ("find . -mtime 1", "-mtime"),
        ("xargs -P 4 echo", "-P"),
        ("trap", "trap"),
        ("read -t 5 x", "-t"),
        ("cd -", "cd -"),
        ("ulimit -n 10", "ulimit -n 10"),
        ("f() { eval 'echo ${X/a/b}'; }; f", "part of bash"),
        pytest.param("echo $(" * 2000 + "echo a" + ")" * 2000, "deeply", id="deep"),
        pytest.param(f"echo $(({'-(' * 2000}1{')' * 2000}))", "deeply", id="deep expression"),
    ],
)
def test_what_it_does_not_understand_is_named_and_left_to_the_workload(script, word):
    result = outcome(f"/bin/sh -c {shlex.quote(script)}", workload=Workload("7m"))
    assert (result.code, result.out, result.seconds) == (0, "", 420.0)
    assert word in result.err
    assert "Workload(rules=" in result.err


@pytest.mark.parametrize(
    ("script", "word"),
    [
        ("a=(1 2); echo ${a[1]}", "array"),
        ("diff <(echo a) <(echo a)", "<("),
        ("echo $'a\\tb'", "$'a"),
        ("declare -i n=3", "declare"),
        ("echo ${!A}", "${!A}"),
        ("echo $BASH_VERSION", "$BASH_VERSION"),
        ("trap 'echo failed' ERR", "ERR"),
        ("select x in a b; do echo $x; done", "select"),
    ],
)
def test_what_it_does_not_understand_of_bash_is_named_too(script, word):
    result = outcome(f"/bin/bash -c {shlex.quote(script)}", workload=Workload("7m"))
    assert (result.code, result.out, result.seconds) == (0, "", 420.0)
    assert word in result.err


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_script_that_is_cut_off_or_damaged_ends_or_waits_and_never_stops_the_lab(shell):
    chance = Random(7)
    for script in lines(f"{shell}_lines.txt"):
        place = chance.randrange(len(script))
        damaged = script[:place] + chance.choice("'\"`$(){}[];|&<>*\\ \n=!~") + script[place:]
        for text in (script[:place], damaged, script[:place] + script[place + 1 :]):
            connection = connect(boot_s=0)
            add(connection, TaskSpec(id="t", command_line=f"/bin/{shell} -c {shlex.quote(text)}"))
            connection.advance(600)
            assert task(connection).state in {"running", "completed"}, text


@pytest.mark.parametrize(
    "script",
    [
        "f() { f; }; f",
        "f() { echo $(f); }; f",
        "echo '. ./s' > s; . ./s",
        "echo 'sh s' > s; sh s",
        "f() { if [ 1 = 1 ]; then echo $(( 1 + $(f) )); fi; }; f",
    ],
)
def test_endless_recursion_ends_the_script_and_not_the_lab(script):
    result = outcome(f"/bin/sh -c {shlex.quote(script)}")
    assert "too deeply" in result.err


@pytest.mark.parametrize(
    ("command", "seconds"),
    [
        ("sleep 30", 30),
        ("/bin/sleep 1.5m 10", 100),
        ("/usr/bin/sleep .5", 0.5),
        ("/bin/sh -c 'sleep 2; sleep 3 && sleep 4'", 9),
        ("sleep soon", 40),
        ("render frame-1 --fast", 40),
        ("/bin/sh -c 'mkdir -p out; render > out/log; sleep 2'", 42),
        ("/bin/sh -c 'X=$(sleep 5; echo a); echo `sleep 2` $(sleep 1)'", 8),
        ("/bin/sh -c 'for i in $(sleep 2; echo 3 4); do sleep $i; done > /dev/null'", 9),
        ("/bin/sh -c 'sleep 9 & sleep 4; wait'", 9),
        ("/bin/sh -c 'sleep 0 & wait; (sleep 0; sleep 2) & wait'", 2),
        ("/bin/sh -c 'sleep 9 & sleep 4'", 4),
        ("/bin/sh -c '(sleep 3; sleep 3) & (sleep 4) & wait; sleep 1'", 7),
        ("/bin/bash -c 'for i in {1..3}; do render $i & done; wait'", 40),
        ("/bin/sh -c 'timeout 5 render x || true'", 5),
        ("timeout 1m /bin/sh -c 'sleep 9; sleep 9'", 18),
        ("/usr/bin/env A=1 /bin/sh -c 'sleep 3'", 3),
        ("/bin/sh -c 'sleep 3 | sleep 5 | sleep 4'", 5),
        ("/bin/sh -c 'echo a > $(sleep 4; echo f)'", 4),
        ("/bin/sh -c 'for i in $(sleep 2; echo 3 4); do sleep $i; done'", 9),
        ("/bin/sh -c 'X=$(render); sleep 1'", 41),
    ],
)
def test_command_takes_its_time(command, seconds):
    result = outcome(command)
    assert (result.code, result.seconds) == (0, seconds)


def test_clock_of_a_command_is_that_of_the_lab():
    result = outcome("/bin/sh -c 'a=$(date +%s); sleep 90; echo $(( $(date +%s) - a ))'")
    assert result.out == "90\n"


def test_time_limit_of_a_command_ends_it():
    result = outcome("timeout 5 /bin/bash -c 'trap \"echo cleaned\" EXIT; sleep 60; echo never'")
    assert (result.code, result.out, result.seconds) == (124, "cleaned\n", 5)


def test_echo_without_a_shell_reads_no_backslashes_unless_asked():
    assert outcome("echo 'a\\tb'").out == "a\\tb\n"
    assert outcome("echo -e 'a\\tb'").out == "a\tb\n"


def test_words_without_a_shell_are_literal():
    assert outcome("echo $AZ_BATCH_TASK_ID > x '$HOME'").out == "$AZ_BATCH_TASK_ID > x $HOME\n"


@pytest.mark.parametrize("word", ["exit 3", "cd /tmp", "export A=1"])
def test_word_of_the_shell_without_a_shell_is_no_program(word):
    assert outcome(word)[0] is None
    assert outcome(word).failure == "CommandProgramNotFound"


def test_program_whose_name_only_begins_like_that_of_functions_is_any_program():
    assert outcome("batchlab-caller x") == outcome("some-program x")
    assert outcome("batchlab-call x").code == 1


def test_command_line_with_open_quotes_is_not_launched():
    result = outcome("echo 'a")
    assert (result.code, result.failure) == (None, "CommandLaunchFailed")


def test_system_variables_are_those_of_the_run():
    script = "echo $AZ_BATCH_TASK_ID $AZ_BATCH_JOB_ID; cd $AZ_BATCH_TASK_DIR; pwd; ls"
    assert outcome(f"/bin/sh -c '{script}'").out == (
        "t j\n/mnt/batch/tasks/workitems/j/job-1/t\ncerts\nstderr.txt\nstdout.txt\nwd\n"
    )


def test_streams_keep_what_was_printed_before_a_wait_and_after():
    assert outcome("/bin/sh -c 'echo a; sleep 9; echo b'").out == "a\nb\n"


def test_script_file_is_interpreted():
    workload = Workload(rules={"make-it": Behavior(duration="1s", files={"go.sh": "echo went\n"})})
    assert outcome("/bin/sh -c 'make-it; sh go.sh'", workload=workload).out == "went\n"


def test_rule_for_a_command_counts_inside_a_script():
    workload = Workload(rules={"render *": Behavior(duration="10m", exit_code=2, stdout="bad\n")})
    result = outcome("/bin/sh -c 'render x > log || cat log'", workload=workload)
    assert result == (0, "bad\n", "", 600.0, None)


def test_substitutions_around_those_already_seen_are_left_to_the_workload_from_some_depth():
    scripts = ["echo $(" * depth + "echo a" + ")" * depth for depth in range(10, 300, 20)]
    results = [outcome(f"/bin/sh -c '{it}'", workload=Workload("7m")) for it in scripts]
    assert [result.code for result in results] == [0] * len(scripts)
    assert results[0].out == "a\n"
    assert results[-1].seconds == 420


def test_substitution_is_what_a_rule_for_its_command_prints():
    workload = Workload(rules={"measure *": Behavior(duration="3s", stdout="4 5\n", exit_code=6)})
    script = "X=$(measure it); echo $? $X; echo then"
    result = outcome(f"/bin/sh -c '{script}'", workload=workload)
    assert result == (0, "6 4 5\nthen\n", "", 3.0, None)


def test_command_that_is_never_launched_ends_a_script_with_127():
    workload = Workload(rules={"nosuch*": Behavior(failure="CommandProgramNotFound")})
    result = outcome("/bin/sh -c 'nosuch --now'", workload=workload)
    assert (result.code, result.failure) == (127, "FailureExitCode")
    assert "CommandProgramNotFound" in result.err


def test_loop_that_takes_no_time_hangs_and_does_not_stop_the_clock():
    connection = connect(boot_s=0)
    add(connection, TaskSpec(id="t", command_line="/bin/sh -c 'while true; do echo x; done'"))
    connection.advance(3600)
    assert task(connection).state == "running"


def test_loop_asks_the_rules_at_each_turn():
    asked = []

    def server(launch):
        asked.append(launch)
        return Behavior(duration="5s", exit_code=int(len(asked) < 3))

    workload = Workload(rules={"ask *": server})
    result = outcome("/bin/sh -c 'until ask it; do sleep 10; done; echo ok'", workload=workload)
    assert (result.code, result.out, result.seconds) == (0, "ok\n", 35)
    assert {(launch.command, launch.run_id.task_id) for launch in asked} == {("ask it", "t")}
    assert [launch.now.second for launch in asked] == [0, 15, 30]
