"""The standard streams of a process on a simulated node, and its folder."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from batchlab.drivers.simulated.disk import Disk

__all__ = ["Streams"]


class Streams:
    """What a process reads and writes: files of its disk, or pipes."""

    def __init__(self, disk: Disk, directory: str, now: Callable[[], float]) -> None:
        self.disk = disk
        self.now = now
        self.cwd = disk.working_directory(directory)
        self.streams: list[str | bytearray | None] = [
            None,
            f"{directory}/stdout.txt",
            f"{directory}/stderr.txt",
        ]

    def divert(self, prefix: str) -> None:
        """Write the streams to other files, separate from those of a later command."""
        folder = self.cwd.removesuffix("wd")
        self.streams = [None, *(f"{folder}{prefix}{name}.txt" for name in ("stdout", "stderr"))]
        for stream in self.streams[1:]:
            self.disk.write(str(stream), b"", self.now(), append=False)

    def redirect(self, descriptor: int, operator: str, name: str) -> None:
        """Connect a descriptor with a file, or with what another one is connected with."""
        if operator == ">&":
            self.streams[descriptor] = None if name == "-" else self.streams[int(name)]
        elif operator[:2] == "<<":
            self.streams[0] = bytearray((name + "\n" * (operator == "<<<")).encode())
        elif name == "/dev/null":
            self.streams[descriptor] = None
        elif name in {"/dev/stdout", "/dev/stderr"}:
            self.streams[descriptor] = self.streams[1 if name == "/dev/stdout" else 2]
        elif operator == "<":
            self.streams[descriptor] = bytearray(self.disk.read(self.path(name)))
        else:
            self.disk.write(self.path(name), b"", self.now(), append=operator == ">>")
            self.streams[descriptor] = self.path(name)

    def path(self, name: str) -> str:
        """Return the absolute path of a name."""
        return name if name.startswith("/") else f"{self.cwd}/{name}"

    def stdin(self) -> bytes:
        """Return the rest of the standard input."""
        source = self.streams[0]
        if not isinstance(source, bytearray):
            return b""
        data = bytes(source)
        source.clear()
        return data

    def line(self) -> tuple[str, bool]:
        """Return the next line of the standard input, and whether it has an end."""
        source = self.streams[0]
        if not isinstance(source, bytearray):
            return "", False
        line, newline, _ = source.partition(b"\n")
        del source[: len(line) + len(newline)]
        return line.decode(errors="replace"), bool(newline)

    def say(self, data: str | bytes) -> None:
        """Print to stdout."""
        self.emit(1, data)

    def complain(self, text: str, end: str = "\n") -> None:
        """Print a line to stderr."""
        self.emit(2, f"{text}{end}")

    def emit(self, descriptor: int, data: str | bytes) -> None:
        """Write to a descriptor."""
        target = self.streams[descriptor]
        data = data.encode() if isinstance(data, str) else data
        if isinstance(target, bytearray):
            target += data
        elif target is not None and data:
            with suppress(OSError):  # its folder was deleted under an open descriptor
                self.disk.write(target, data, self.now())
