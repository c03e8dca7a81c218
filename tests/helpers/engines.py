"""Container engines for tests: a program that behaves like one, and a real Podman."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

import batchlab as bl

ONE = bl.ContainerConfiguration()
"""For a pool that can run containers, with no image loaded in advance."""

IMAGE = "localhost/batchlab-busybox:latest"
"""What `real_image` imports: a static busybox, so that nothing is pulled."""

HANGS_S = 60.0
"""How long a fake engine hangs that has the file `hangs`."""

_FAKE = """#!{python} -S
import os, subprocess, sys, time
folder, words = {folder!r}, sys.argv[1:]
with open(folder + "/calls", "a") as file:
    print(*words, file=file)
if os.path.exists(folder + "/hangs"):
    time.sleep({hangs})
if os.path.exists(folder + "/broken"):
    sys.exit("Cannot connect to the daemon")
if words[0] == "--config":
    print(open(words[1] + "/config.json").read(), file=open(folder + "/auth", "w"))
    words = words[2:]
if "--authfile" in words:
    at = words.index("--authfile")
    print(open(words[at + 1]).read(), file=open(folder + "/auth", "w"))
    del words[at:at + 2]
if words[:2] == ["image", "inspect"]:
    sys.exit(not os.path.exists(folder + "/images/" + words[-1]))
if words[0] == "pull":
    if words[-1].startswith("no"):
        sys.exit("Trying to pull\\nError: unauthorized: access to " + words[-1] + " is denied")
    open(folder + "/images/" + words[-1], "w").close()
if words[0] == "run":
    id_file = words[words.index("--cidfile") + 1]
    if "--bad" in words:
        sys.exit(print("Error: unknown flag: --bad", file=sys.stderr) or 125)
    with open(id_file, "w") as file:
        file.write("c0ffee")
    if "--no-tun" in words:
        sys.exit(print("Error: /usr/bin/slirp4netns failed: no /dev/net/tun", file=sys.stderr)
                 or 126)
    image = next(at for at, word in enumerate(words) if word in os.listdir(folder + "/images"))
    command, child = words[image + 1:] or ["echo", "entry"], dict(os.environ)
    child.update(word.split("=", 1) for at, word in enumerate(words[:image])
                 if words[at - 1] == "--env" and "=" in word)
    if command[0] == "nosuch":
        sys.exit(print("Error: runc: exec: nosuch: executable file not found in $PATH",
                       file=sys.stderr) or 127)
    os.execvpe(command[0], command, child)
"""


def fake_engine(folder: Path, name: str = "podman") -> Path:
    """Write the program of an engine that runs commands as they are; its folder says what it does.

    `calls` has its command lines, `images` its images, `auth` what it last logged in with. With a
    file `hangs` it never answers, with `broken` it refuses everything.
    """
    (folder / "images").mkdir(parents=True, exist_ok=True)
    program = folder / name
    program.write_text(_FAKE.format(python=sys.executable, folder=str(folder), hangs=HANGS_S))
    program.chmod(0o755)
    return program


@cache
def _obstacle() -> str:
    """Why real containers cannot run here, with the image there if they can."""
    busybox = shutil.which("busybox")
    if shutil.which("podman") is None or busybox is None:
        return "needs podman, runc and busybox-static"
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(busybox, "bin/busybox")
        for name in ("sh", "cat", "echo", "sleep", "id", "pwd", "env", "ls", "touch", "true"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    command = 'CMD=["echo","entry"]'
    try:
        done = _podman("image", "exists", IMAGE)
    except subprocess.TimeoutExpired:
        return "podman does not answer"
    if done.returncode:
        _podman("import", "--change", command, "-", IMAGE, given=archive.getvalue())
    done = _podman("run", "--rm", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000",
                   IMAGE, "true")  # fmt: skip
    return done.stderr.decode().strip() if done.returncode else ""


def _podman(*words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["podman", *words], input=given, capture_output=True, check=False, timeout=60
    )


def real_image() -> str:
    """An image in a real Podman; skips the test where it cannot run."""
    if _obstacle():
        pytest.skip(f"no containers here: {_obstacle()}")
    return IMAGE


def image_of(folder: Path, name: str) -> Callable[[], None]:
    """Give a real Podman an image with a Python environment of this machine; how to remove it."""
    base = Path(sys.base_prefix)
    tools = ["bash", "sh", "env", "tar", "gzip", "ls", "cat", "mkdir", "rm", "cp", "mv", "chmod"]
    programs = [found for tool in tools if (found := shutil.which(tool, path="/bin:/usr/bin"))]
    modules = [*base.rglob("lib-dynload/*.so"), *folder.rglob("*.so*")]
    words = ["ldd", base / "bin/python3", *programs, *modules]
    listed = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    needed = {*programs, *re.findall(r"(/\S+) \(0x", listed)}
    inside = (str(base), str(folder))
    paths = [base, folder, "/etc/ssl/certs", "/etc/passwd",
             *sorted(path for path in needed if not path.startswith(inside))]  # fmt: skip
    names = "\n".join(str(path).removeprefix("/") for path in paths)
    pack = ["tar", "-C", "/", "-c", "-h", "--hard-dereference", "--exclude=__pycache__", "-T", "-"]
    with tempfile.TemporaryFile() as archive:
        subprocess.run(pack, input=names.encode(), stdout=archive, check=True)
        archive.seek(0)
        change = f"ENV PATH={folder}/bin:/usr/bin:/bin"
        subprocess.run(
            ["podman", "import", "--quiet", "--change", change, "-", f"docker.io/{name}"],
            stdin=archive, capture_output=True, check=True,
        )  # fmt: skip

    def remove() -> None:
        _podman("rmi", "--force", f"docker.io/{name}")

    return remove


def containers_of(label: str) -> list[str]:
    """The containers of a real Podman with a label."""
    words = ["podman", "ps", "-aq", "--filter", f"label={label}"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()


def one_job(lab: bl.Lab, configuration: bl.ContainerConfiguration = ONE) -> bl.Job:
    """A job on a node that can run containers."""
    pool = lab.create_pool(
        "p", target_dedicated_nodes=1, task_slots_per_node=4,
        virtual_machine_configuration=configuration,
    )  # fmt: skip
    return lab.create_job("j", pool)
