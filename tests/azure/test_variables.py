"""The commands for each shell set exactly these values."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import batchlab as bl
from batchlab.azure import variables
from batchlab.azure.variables import chosen_shell, joining, own_shell, written

VALUES = {"A": "plain", "B": 'it\'s $HOME; `id` \\n "x"', "C": "a=b;c&d|e f", "D": ""}
SHOW = {
    "bash": ["bash", "-c"], "fish": ["fish", "-c"], "powershell": ["pwsh", "-Command"],
}  # fmt: skip


@pytest.mark.parametrize("shell", SHOW)
def test_values_arrive_as_they_are(shell: str) -> None:
    program = SHOW[shell]
    if shutil.which(program[0]) is None:
        pytest.skip(f"{program[0]} is not installed")
    end = "\nenv" if shell != "powershell" else "\n/usr/bin/env"
    done = subprocess.run([*program, written(VALUES, shell) + end], capture_output=True,
                          text=True, check=True)  # fmt: skip
    for name, value in VALUES.items():
        assert f"{name}={value}" in done.stdout.splitlines()


def test_fish_and_powershell_quote_what_ends_a_text() -> None:
    assert written({"A": "it's \\"}, "fish") == "set -gx A 'it\\'s \\\\'"
    assert written({"A": "it's $x"}, "powershell") == "$env:A = 'it''s $x'"


@pytest.mark.parametrize(("path", "shell"), [
    ("/usr/bin/fish", "fish"), ("/bin/zsh", "bash"), ("/usr/bin/pwsh", "powershell"),
    ("/bin/other", "bash"), ("", "bash"),
])  # fmt: skip
def test_without_a_shell_above_it_is_the_user_s(
    path: str, shell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(variables, "_callers", lambda: iter(["python", "systemd"]))
    monkeypatch.setenv("SHELL", path)
    assert own_shell() == shell


@pytest.mark.parametrize(("name", "shell"), [("fish", "fish"), ("pwsh", "powershell")])
def test_shell_in_use_comes_before_the_user_s(name: str, shell: str, tmp_path: Path) -> None:
    program = shutil.copy("/bin/sh", tmp_path / name)
    code = "from batchlab.azure.variables import own_shell as own; print(own())"
    done = subprocess.run(
        [program, "-c", f"{sys.executable} -c '{code}'; true"], capture_output=True, text=True,
        env=os.environ | {"SHELL": "/bin/bash"}, check=True,
    )  # fmt: skip
    assert done.stdout == f"{shell}\n"


@pytest.mark.parametrize("shell", SHOW)
def test_terminal_joins_by_the_words_of_its_shell(shell: str) -> None:
    words = joining(shell, 8080)
    assert f"--port 8080 --env --shell {shell}" in words
    assert chosen_shell(shell) == shell


def test_unknown_shell_is_refused() -> None:
    with pytest.raises(bl.InvalidRequest, match="must be one of bash, fish, powershell"):
        chosen_shell("cmd")
