"""What the commands share: where a lab runs, how a command is interrupted, and how it fails."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer

__all__ = ["INTERRUPTED", "Certificate", "CertificateKey", "Processes", "Scheduler", "Simulated",
           "choose_one", "fail", "remembered_interrupt", "terminated_as_interrupted",
           "until_interrupted", "writing"]  # fmt: skip

INTERRUPTED = 130
"""The exit code that shells expect after Ctrl-C."""

# Where a lab runs.
Scheduler = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="Use this Dask scheduler (tcp://...) and its workers."),
]
Processes = Annotated[
    bool, typer.Option("--processes", help="Run each node in a separate process.")
]
Simulated = Annotated[
    bool, typer.Option("--simulated", help="Simulate everything on a virtual clock.")
]

# What speaks HTTPS.
Certificate = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Serve HTTPS with this certificate, in PEM.")
]
CertificateKey = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The private key, if in a separate file.")
]


def choose_one(scheduler: str | None, *, processes: bool, simulated: bool) -> None:
    """Refuse two places for one lab."""
    if (simulated and (processes or scheduler)) or (processes and scheduler):
        raise typer.BadParameter("choose one of --processes, --scheduler and --simulated")


def fail(message: str) -> NoReturn:
    """End the command with a message."""
    typer.echo(f"batchlab: {message}", err=True)
    raise typer.Exit(1)


@contextmanager
def writing(target: Path | str) -> Iterator[None]:
    """End the command with a message if a file cannot be written."""
    try:
        yield
    except OSError as error:
        fail(f"{target} cannot be written: {error.strerror or error}")


@contextmanager
def remembered_interrupt() -> Iterator[Callable[[], None]]:
    """Raise on Ctrl-C, and again at the next `check` if that was lost.

    Dask hooks into the garbage collector, and Python drops what is raised in such a hook, after
    it has printed it with its traceback; this is not printed.
    """
    pressed = threading.Event()

    def press(number: int, frame: object) -> None:
        pressed.set()
        raise KeyboardInterrupt

    def check() -> None:
        if pressed.is_set():
            raise KeyboardInterrupt

    def dropped(what: sys.UnraisableHookArgs) -> None:
        if not issubclass(what.exc_type, KeyboardInterrupt):
            others(what)

    before = signal.signal(signal.SIGINT, press)
    others, sys.unraisablehook = sys.unraisablehook, dropped
    try:
        yield check
    finally:
        sys.unraisablehook = others
        signal.signal(signal.SIGINT, before)


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """Treat SIGTERM, which stops background services, like Ctrl-C."""

    def press(number: int, frame: object) -> None:
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGTERM, press)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def until_interrupted(check: Callable[[], None], words: str) -> NoReturn:
    """Say how this ends, and wait for it; `check` is that of `remembered_interrupt`."""
    typer.echo(words)
    while True:
        time.sleep(0.2)
        check()
