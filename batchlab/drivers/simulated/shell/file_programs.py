"""Programs on simulated nodes that work on files and folders."""

from __future__ import annotations

import errno
import hashlib
import re
import stat
from collections.abc import Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from batchlab.drivers.simulated.disk import File, Folder, fault
from batchlab.drivers.simulated.shell.program_host import Host, Program, for_each, options_of
from batchlab.drivers.simulated.shell.words import NotUnderstood

__all__ = ["FILE_PROGRAMS"]

_SIZE = re.compile(r"(\d+)((?:[KMGT](?:i?B)?)?)")


def _cat(host: Host, args: Sequence[str]) -> int:
    _, names = options_of(args, "")
    if not names:
        host.say(host.stdin())
    return for_each(host, "cat", names, lambda name: host.say(host.disk.read(host.path(name))))


def _rm(host: Host, args: Sequence[str]) -> int:
    options, names = options_of(args, "rRf")
    if not names and "f" not in options:
        host.complain("rm: missing operand")
        return 1
    if "f" in options:
        names = [name for name in names if host.disk.exists(host.path(name))]
    deep = bool(options & {"r", "R"})
    return for_each(
        host, "rm", names, lambda name: host.disk.remove(host.path(name), recursive=deep)
    )


def _mkdir(host: Host, args: Sequence[str]) -> int:
    options, names = options_of(args, "p")
    parents = "p" in options
    return for_each(
        host, "mkdir", names, lambda name: host.disk.make_folder(host.path(name), parents=parents)
    )


def _touch(host: Host, args: Sequence[str]) -> int:
    _, names = options_of(args, "")
    now = host.now()
    return for_each(host, "touch", names, lambda name: host.disk.write(host.path(name), b"", now))


def _ls(host: Host, args: Sequence[str]) -> int:
    options, names = options_of(args, "1aAdRl")
    if "R" in options:
        raise NotUnderstood("-R")
    files, folders, status = [], [], 0
    for name in names or ["."]:
        try:
            found = host.disk.find(host.path(name))
        except OSError as error:
            host.complain(f"ls: cannot access '{name}': {error.strerror}")
            status = 2
            continue
        if isinstance(found, Folder) and "d" not in options:
            folders.append((name, found))
        else:
            files.append(name)
    long = "l" in options
    blocks = [_listed(host, sorted(files), "", long=long)] * bool(files)
    for name, folder in sorted(folders):
        shown = [entry for entry in folder if options & {"a", "A"} or not entry.startswith(".")]
        shown += [".", ".."] * ("a" in options)
        heading = f"{name}:\n" if len(names) > 1 else ""
        blocks.append(heading + _listed(host, sorted(shown), f"{name}/", long=long))
    host.say("\n".join(blocks))
    return status


def _listed(host: Host, names: Sequence[str], folder: str, *, long: bool) -> str:
    """A line for each name, as ``ls -l`` shows it."""
    if not long:
        return "".join(f"{name}\n" for name in names)
    rows, blocks = [], 0
    for name in names:
        found = _found(host, f"{folder}{name}")
        if isinstance(found, File):
            kind, links, size = stat.filemode(stat.S_IFREG | found.mode), 1, found.size
            modified = found.modified
        else:
            kind, links, size, modified = "drwxr-xr-x", 2, 4096, host.now()
        blocks += -(-size // 4096) * 4
        rows.append((kind, links, size, datetime.fromtimestamp(modified, UTC), name))
    width = max((len(str(size)) for _, _, size, _, _ in rows), default=1)
    lines = [
        f"{kind} {links} _azbatch _azbatchgrp {size:{width}d} {time:%b %e %H:%M} {name}\n"
        for kind, links, size, time, name in rows
    ]
    return f"total {blocks}\n" * bool(folder) + "".join(lines)


def _find_files(host: Host, args: Sequence[str]) -> int:
    """``find FOLDER -name PATTERN -type f``."""
    words = list(args)
    starts = []
    while words and words[0][:1] not in {"-", "!", "("}:
        starts.append(words.pop(0))
    tests = dict(zip(words[::2], words[1::2], strict=False))
    if len(words) % 2 or set(tests) - {"-name", "-type"} or tests.get("-type", "f") not in "fd":
        raise NotUnderstood(" ".join(args))
    status = 0
    for start in starts or ["."]:
        found = _found(host, start)
        if found is None:
            host.complain(f"find: '{start}': No such file or directory")
            status = 1
            continue
        inside = host.disk.walk(host.path(start)) if isinstance(found, Folder) else []
        for name, entry in [("", found), *inside]:
            path = f"{start}/{name}" if name else start
            kind = "d" if isinstance(entry, Folder) else "f"
            if tests.get("-type", kind) == kind and fnmatchcase(
                path.rpartition("/")[2], tests.get("-name", "*")
            ):
                host.say(f"{path}\n")
    return status


def _transfers(
    host: Host, program: str, args: Sequence[str], known: str
) -> tuple[bool, list[tuple[str, str]]]:
    """Whether folders count, and pairs of names: from where to where."""
    options, names = options_of(args, known)
    if len(names) < 2:
        host.complain(f"{program}: missing file operand")
        return False, []
    *sources, target = names
    inside = isinstance(_found(host, target), Folder)
    if len(sources) > 1 and not inside:
        host.complain(f"{program}: target '{target}': Not a directory")
        return False, []
    return bool(options & {"r", "R", "a"}), [
        (one, f"{target}/{one.rstrip('/').rpartition('/')[2]}" if inside else target)
        for one in sources
    ]


def _found(host: Host, name: str) -> File | Folder | None:
    try:
        return host.disk.find(host.path(name))
    except OSError:
        return None


def _copy(host: Host, args: Sequence[str]) -> int:
    deep, pairs = _transfers(host, "cp", args, "rRaf")
    status = int(not pairs)
    for source, target in pairs:
        if isinstance(_found(host, source), Folder) and not deep:
            host.complain(f"cp: -r not specified; omitting directory '{source}'")
            status = 1
        else:
            status |= _transfer(host, "cp", source, target)
    return status


def _move(host: Host, args: Sequence[str]) -> int:
    _, pairs = _transfers(host, "mv", args, "f")
    status = int(not pairs)
    for source, target in pairs:
        status |= _transfer(host, "mv", source, target)
    return status


def _transfer(host: Host, program: str, source: str, target: str) -> int:
    """Copy or move a file, or a folder with all that is in it."""
    try:
        found = host.disk.find(host.path(source))
        begin = host.path(source).rstrip("/")
        if host.path(target).rstrip("/") == begin or host.path(target).startswith(f"{begin}/"):
            host.complain(
                f"{program}: '{source}' and '{target}' are the same, or one in the other"
            )
            return 1
        if isinstance(found, Folder):
            files = dict(host.disk.walk(host.path(source)))
            host.disk.make_folder(host.path(target), parents=True)
        else:
            files = {"": found}
        if program == "mv":  # first, so that it needs no space twice
            host.disk.remove(host.path(source), recursive=True)
        for name, one in files.items():
            place = f"{host.path(target)}/{name}".rstrip("/")
            if isinstance(one, Folder):
                host.disk.make_folder(place, parents=True)
            else:
                _put(host, place, one)
    except OSError as error:
        host.complain(f"{program}: cannot use '{source}' or '{target}': {error.strerror}")
        return 1
    return 0


def _put(host: Host, target: str, file: File) -> None:
    host.disk.write(target, bytes(file.data), host.now(), append=False)
    host.disk.set_mode(target, file.mode)
    if file.allocated:
        host.disk.allocate(target, file.allocated, host.now())


def _fallocate(host: Host, args: Sequence[str]) -> int:
    words = list(args)
    size = (
        _SIZE.fullmatch(words[1]) if len(words) == 3 and words[0] in {"-l", "--length"} else None
    )
    if size is None:
        raise NotUnderstood("fallocate")
    base = 1000 if size[2].endswith("B") and "i" not in size[2] else 1024
    number = int(size[1]) * base ** " KMGT".index(size[2][:1] or " ")
    try:
        host.disk.allocate(host.path(words[2]), number, host.now())
    except OSError as error:
        host.complain(f"fallocate: fallocate failed: {error.strerror}")
        return 1
    return 0


def _tee(host: Host, args: Sequence[str]) -> int:
    options, names = options_of(args, "a")
    data = host.stdin()
    host.say(data)
    return for_each(
        host, "tee", names,
        lambda name: host.disk.write(host.path(name), data, host.now(), append="a" in options),
    )  # fmt: skip


def _rmdir(host: Host, args: Sequence[str]) -> int:
    _, names = options_of(args, "")

    def remove(name: str) -> None:
        found = host.disk.find(host.path(name))
        if not isinstance(found, Folder):
            raise fault(errno.ENOTDIR, name)
        if found:
            raise fault(errno.ENOTEMPTY, name)
        host.disk.remove(host.path(name), recursive=True)

    return for_each(host, "rmdir", names, remove)


def _chmod(host: Host, args: Sequence[str]) -> int:
    if len(args) < 2:
        host.complain("chmod: missing operand")
        return 1
    mode, names = args[0], args[1:]
    symbolic = re.fullmatch(r"[ua]*\+([rwx]+)", mode)
    if not symbolic and not re.fullmatch(r"[0-7]{3,4}", mode):
        raise NotUnderstood(mode)

    def change(name: str) -> None:
        found = host.disk.find(host.path(name))
        if isinstance(found, File):
            bits = (
                sum({"r": 0o444, "w": 0o200, "x": 0o111}[one] for one in set(symbolic[1]))
                if symbolic
                else 0
            )
            host.disk.set_mode(host.path(name), found.mode | bits if symbolic else int(mode, 8))

    return for_each(host, "chmod", names, change)


def _basename(host: Host, args: Sequence[str]) -> int:
    if not 1 <= len(args) <= 2 or args[0].startswith("-"):
        raise NotUnderstood(" ".join(args))
    name = args[0].rstrip("/").rpartition("/")[2] or args[0][:1]
    if len(args) == 2 and name != args[1]:
        name = name.removesuffix(args[1])
    host.say(f"{name}\n")
    return 0


def _dirname(host: Host, args: Sequence[str]) -> int:
    if not args or args[0].startswith("-"):
        raise NotUnderstood(" ".join(args))
    for name in args:
        folder, slash, _ = name.rstrip("/").rpartition("/")
        host.say(f"{folder.rstrip('/') or slash or '.'}\n")
    return 0


def _sums(host: Host, program: str, args: Sequence[str]) -> int:
    _, names = options_of(args, "")

    def show(name: str) -> None:
        data = host.disk.read(host.path(name)) if name != "-" else host.stdin()
        host.say(f"{hashlib.new(program.removesuffix('sum'), data).hexdigest()}  {name}\n")

    return for_each(host, program, names or ["-"], show)


def _pwd(host: Host, args: Sequence[str]) -> int:
    host.say(f"{host.cwd}\n")
    return 0


FILE_PROGRAMS: dict[str, Program] = {
    "basename": _basename,
    "cat": _cat,
    "chmod": _chmod,
    "cp": _copy,
    "dirname": _dirname,
    "fallocate": _fallocate,
    "find": _find_files,
    "ls": _ls,
    "md5sum": lambda host, args: _sums(host, "md5sum", args),
    "mkdir": _mkdir,
    "mv": _move,
    "pwd": _pwd,
    "rm": _rm,
    "rmdir": _rmdir,
    "sha256sum": lambda host, args: _sums(host, "sha256sum", args),
    "tee": _tee,
    "touch": _touch,
}
