"""Any command, where its output cannot go, and in a narrow terminal."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FULL = Path("/dev/full")


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "batchlab", *arguments],
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        **options,
    )  # fmt: skip


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
@pytest.mark.parametrize("command", ["--version", "simulate fixed", "demo --simulated --yes"])
def test_full_disk_of_standard_output_is_one_line(command):
    with FULL.open("w") as output:
        done = run(*command.split(), stdout=output)
    assert done.returncode == 1
    assert done.stderr == "batchlab: cannot write to standard output: No space left on device\n"


def test_help_is_wrapped_at_the_terminal_and_not_in_the_source():
    done = run("serve", "--help", stdout=subprocess.PIPE, env={**os.environ, "COLUMNS": "60"})
    told = [line.strip() for line in done.stdout.split("─ Options")[0].splitlines()]
    first = next(place for place, line in enumerate(told) if line.startswith("The lab can be"))
    lines = told[first : told.index("", first)]
    assert len(lines) > 2
    assert all(len(line) > 45 for line in lines[:-1]), lines
