"""What Python in the browser needs: packages of this installation, and a list of them.

Packages in pure Python are the same everywhere, so those that are installed here are packed into
wheels again: the site runs what was tried on this computer, and little is downloaded. Compiled
ones are downloaded for Pyodide. Pyodide reads the list, ``pyodide-lock.json``.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import batchlab
from batchlab.errors import Conflict

if TYPE_CHECKING:
    from packaging.requirements import Requirement

__all__ = ["collect"]

LOCK = "pyodide-lock.json"
ROOTS = ("batchlab[notebook]", "comm", "ipython", "jedi", "micropip")
"""The lessons', and what the kernel loads before any of them."""
IN_THE_PAGE = {"jupyterlab-widgets", "widgetsnbextension"}
"""JavaScript, which the site has already."""
FASTER = {"markupsafe"}
"""Their compiled part only makes them faster."""
LEFT_OUT = ("tests", "test", "shipped", "__pycache__")
"""Folders that no lesson needs."""


@dataclass(frozen=True)
class Package:
    """A wheel, and what it needs."""

    name: str
    version: str
    wheel: Path
    depends: tuple[str, ...]


def collect(pyodide: Path, kernel: Path, folder: Path) -> list[str]:
    """Put everything that the lessons need into a folder, with Pyodide's list of it.

    Parameters
    ----------
    pyodide : Path
        The folder of Pyodide itself, with its own list.
    kernel : Path
        The folder with the wheels of the kernel.
    folder : Path

    Returns
    -------
    list of str
        The packages' names.

    Raises
    ------
    Conflict
        ``OperationInvalidForCurrentState``: one of them could not be downloaded for Pyodide.
    """
    lock = json.loads((pyodide / LOCK).read_bytes())
    packages = [*_of_kernel(kernel, folder), *_needed(lock["info"], folder)]
    names = {package.name for package in packages}
    lock["packages"] = {package.name: _entry(package, names) for package in packages}
    (folder / LOCK).write_text(json.dumps(lock, indent=1, sort_keys=True) + "\n")
    return sorted(names)


def _needed(info: dict[str, Any], folder: Path) -> Collection[Package]:
    """The roots, what they need there, and so on."""
    from packaging.requirements import Requirement  # noqa: PLC0415 - only here
    from packaging.utils import canonicalize_name  # noqa: PLC0415

    environment = _environment(info)
    todo = [Requirement(text) for text in ROOTS]
    seen: set[tuple[str, frozenset[str]]] = set()
    wheels: dict[str, Path] = {}
    packages: dict[str, Package] = {}
    while todo:
        wanted = todo.pop()
        name = canonicalize_name(wanted.name)
        if name in IN_THE_PAGE or (name, frozenset(wanted.extras)) in seen:
            continue
        seen.add((name, frozenset(wanted.extras)))
        if name not in wheels:
            wheels[name] = _wheel(name, wanted, info, folder)
        found = _inside(wheels[name])
        needs = [
            need
            for need in map(Requirement, found.requires or ())
            if need.marker is None
            or any(
                need.marker.evaluate({**environment, "extra": extra})
                for extra in (wanted.extras or {""})
            )
        ]
        todo += needs
        depends: set[str] = {canonicalize_name(need.name) for need in needs}
        if name in packages:
            depends.update(packages[name].depends)
        packages[name] = Package(name, found.version, wheels[name], tuple(sorted(depends)))
    return packages.values()


def _inside(wheel: Path) -> metadata.Distribution:
    """The metadata in a wheel."""
    name, version = wheel.name.split("-")[:2]
    return metadata.PathDistribution(zipfile.Path(wheel, f"{name}-{version}.dist-info/"))


def _environment(info: dict[str, Any]) -> dict[str, str]:
    """What the conditions of requirements may ask for."""
    version = info["python"]
    return {
        "implementation_name": "cpython", "implementation_version": version, "os_name": "posix",
        "platform_machine": info["arch"], "platform_python_implementation": "CPython",
        "platform_release": "", "platform_system": "Emscripten", "platform_version": "",
        "python_full_version": version, "python_version": ".".join(version.split(".")[:2]),
        "sys_platform": "emscripten",
    }  # fmt: skip


# -- wheels -------------------------------------------------------------------------------------


def _wheel(name: str, wanted: Requirement, info: dict[str, Any], folder: Path) -> Path:
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:  # it is of no use here, only there
        return _downloaded(wanted, info, folder)
    if name == "batchlab" or name in FASTER or _is_pure(found):
        return _packed(found, name, folder)
    return _downloaded(wanted, info, folder)


def _is_pure(found: metadata.Distribution) -> bool:
    return "Root-Is-Purelib: true" in (found.read_text("WHEEL") or "")


def _packed(found: metadata.Distribution, name: str, folder: Path) -> Path:
    """Pack what is installed into a wheel again, without what is compiled or generated."""
    stem = f"{name.replace('-', '_')}-{found.version}"
    wheel = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for inside, path in _files(found, name, f"{stem}.dist-info"):
            entry = zipfile.ZipInfo(str(inside))  # without the time: equal content, equal wheel
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())
    return wheel


def _files(
    found: metadata.Distribution, name: str, notes: str
) -> Iterator[tuple[PurePosixPath, Path]]:
    files = sorted((PurePosixPath(file), Path(str(file.locate()))) for file in found.files or ())
    if name == "batchlab":  # it may be installed from a checkout
        package = Path(batchlab.__file__).parent
        ours = ((path.relative_to(package.parent), path) for path in sorted(package.rglob("*")))
        files = [
            *((PurePosixPath(inside), path) for inside, path in ours if path.is_file()),
            *((inside, path) for inside, path in files if ".dist-info" in inside.parts[0]),
        ]
    for inside, path in files:
        if inside.parts[0] == ".." or inside.suffix in (".so", ".pyd", ".pth", ".map"):
            continue
        if any(part in LEFT_OUT for part in inside.parts):
            continue
        head, *rest = inside.parts
        if head.endswith(".dist-info"):
            if rest == ["RECORD"]:
                continue
            head = notes
        yield PurePosixPath(head, *rest), path


def _downloaded(wanted: Requirement, info: dict[str, Any], folder: Path) -> Path:
    tag = "cp" + "".join(info["python"].split(".")[:2])
    place = folder / "downloaded"
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
         "--no-deps", "--only-binary=:all:", "--dest", str(place), "--implementation", "cp",
         "--python-version", info["python"], "--abi", tag, "--abi", "none",
         "--platform", f"py{info['platform'].split('_')[0]}_{info['abi_version']}_{info['arch']}",
         f"{wanted.name}{wanted.specifier}"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")]
        raise Conflict(
            "OperationInvalidForCurrentState",
            f"{wanted.name} could not be downloaded for Python {info['python']} in a browser: "
            f"{(lines or done.stderr.splitlines() or ['pip failed'])[-1]}",
        )
    (wheel,) = place.glob("*.whl")
    target = wheel.rename(folder / wheel.name)
    place.rmdir()
    return target


def _of_kernel(kernel: Path, folder: Path) -> Iterator[Package]:
    """Yield the kernel's own packages, which are in no registry or stand in for others."""
    for wheel in sorted(kernel.glob("*.whl")):
        name, version = wheel.name.split("-")[:2]
        name = name.replace("_", "-").lower()
        if name in IN_THE_PAGE:
            continue
        copy = folder / wheel.name
        copy.write_bytes(wheel.read_bytes())
        yield Package(name, version, copy, ())


def _entry(package: Package, names: set[str]) -> dict[str, Any]:
    return {
        "name": package.name,
        "version": package.version,
        "file_name": package.wheel.name,
        "sha256": hashlib.sha256(package.wheel.read_bytes()).hexdigest(),
        "install_dir": "site",
        "package_type": "package",
        "imports": _imports(package.wheel),
        "depends": [name for name in package.depends if name in names],
        "unvendored_tests": False,
    }


def _imports(wheel: Path) -> list[str]:
    """The modules and packages that a wheel adds."""
    with zipfile.ZipFile(wheel) as archive:
        paths = [PurePosixPath(name) for name in archive.namelist()]
    return sorted(
        {
            path.parts[0].removesuffix(".py")
            for path in paths
            if path.suffix == ".py" and not path.parts[0].endswith((".dist-info", ".data"))
        }
    )
