"""The properties of the public specification, read out of SDKs, for ``specification.txt``.

Each release of the SDK azure-batch speaks one API version, and its models have the names and types
on the wire. Unpack the wheels of one release per version, and write the table again:

    pip download --no-deps azure-batch==9.0.0 -d wheels     # and so on, from 2.0.1 to 15.1.0
    python tests/helpers/specification.py wheels/*.whl

A type is the same in two releases if the same property of the same type has it, whatever its name
is there. It is written under its newest name.
"""

from __future__ import annotations

import ast
import re
import sys
import textwrap
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

TABLE = Path(__file__).parents[2] / "batchlab" / "rest" / "specification.txt"
RENAMED = {
    "targetDedicated": "targetDedicatedNodes",
    "currentDedicated": "currentDedicatedNodes",
    "resizeError": "resizeErrors",
    "maxTasksPerNode": "taskSlotsPerNode",
    "blobSource": "httpUrl",
    "ExitConditions.schedulingError": "preProcessingError",
    **{
        f"{name}.schedulingError": "failureInfo"
        for name in (
            "BatchJobPreparationTaskExecutionInfo", "BatchJobReleaseTaskExecutionInfo",
            "BatchStartTaskInfo", "BatchSubtask", "BatchTaskExecutionInfo",
        )
    },
}  # fmt: skip
"""What a property of that name, or of that type and name, is called today."""
ANSWERS = (
    ("BatchPool", "CloudPool"), ("BatchJob", "CloudJob"), ("BatchJobSchedule", "CloudJobSchedule"),
    ("BatchTask", "CloudTask"), ("BatchNode", "ComputeNode"), ("BatchNodeFile", "NodeFile"),
    ("BatchSubtask", "SubtaskInformation"), ("BatchPoolNodeCounts", "PoolNodeCounts"),
    ("BatchSupportedImage", "ImageInformation"), ("BatchCertificate", "Certificate"),
    ("BatchPoolUsageMetrics", "PoolUsageMetrics"), ("BatchApplication", "ApplicationSummary"),
    ("BatchTaskCountsResult", "TaskCountsResult"), ("NodeAgentSku",),
    ("BatchPoolStatistics", "PoolStatistics"), ("BatchJobStatistics", "JobStatistics"),
    ("BatchJobPreparationAndReleaseTaskStatus",
     "JobPreparationAndReleaseTaskExecutionInformation"),
)  # fmt: skip
"""The types of answers: the newest name, and older ones."""
KINDS = {
    "str": "str", "bytearray": "str", "int": "int", "long": "int", "float": "float",
    "bool": "bool", "iso-8601": "time", "datetime.datetime": "time", "duration": "duration",
    "datetime.timedelta": "duration", "object": "any", "Any": "any",
}  # fmt: skip
HEAD = """\
# The properties of each type in the public specification of the Batch service, by their kinds.
# name[2017-05:2024-02] is in the versions from 2017-05 until before 2024-02; name[:2017-05]=other
# is called `other` today. Written by tests/helpers/specification.py.
"""

Types = dict[str, dict[str, str]]


class Release(NamedTuple):
    """A release: its version, its types, the types of bodies by method and URL."""

    version: str
    types: Types
    bodies: dict[str, str]


# -- reading a release --------------------------------------------------------------------------


def read_release(files: dict[str, str]) -> Release:
    """Read the Python files of a release, by their paths."""
    models = [text for path, text in files.items() if "/models/" in path and "_enums" not in path]
    everything = "\n".join(files.values())
    found = re.search(r"api_version(?: = |\", )['\"](\d{4}-\d\d-\d\d[\d.]*)", everything)
    assert found, "no API version"
    types: Types = {}
    for text in models:
        for node in ast.parse(text).body:
            if isinstance(node, ast.ClassDef):
                types.setdefault(node.name, {}).update(_properties(node))
    return Release(found[1], types, dict(_bodies(files)))


def _properties(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for line in node.body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.value, ast.Call):
            named = {word.arg: word.value for word in line.value.keywords}
            name = ast.literal_eval(named["name"]) if "name" in named else ast.unparse(line.target)
            if ast.unparse(line.value.func) == "rest_field":
                yield name, _plain(re.sub("['\"]", "", ast.unparse(line.annotation)))
        elif isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "_attribute_map":
            for entry in ast.literal_eval(line.value).values():
                yield entry["key"].replace("\\\\.", "."), _plain(entry["type"])


def _plain(kind: str) -> str:
    """A type as SDKs write it, in our words."""
    for pattern, form in (
        (r"Optional\[(.*)\]", "{}"), (r"[Ll]ist\[(.*)\]|\[(.*)\]", "[{}]"),
        (r"[Dd]ict\[str, (.*)\]|\{(.*)\}", "map"), (r"Union\[str, _\w+\.(\w+)\]", "{}"),
    ):  # fmt: skip
        if match := re.fullmatch(pattern, kind):
            return form.format(_plain(next(part for part in match.groups() if part)))
    return KINDS.get(kind, kind.replace("_models.", ""))


def _bodies(files: dict[str, str]) -> Iterator[tuple[str, str]]:
    for path, text in files.items():
        if "/operations/" not in path and "/_operations/_operations" not in path:
            continue
        if "/aio/" in path:
            continue
        tree = ast.parse(text)
        built = dict(_built(tree))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("build_"):
                yield from _body(node, text, built)


def _built(tree: ast.Module) -> Iterator[tuple[str, tuple[str, str]]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("build_"):
            text = ast.unparse(node)
            url, method = re.search(r"_url = '(.+?)'", text), re.search(r"method='(\w+)'", text)
            assert url, node.name
            assert method, node.name
            yield node.name, (method[1], url[1])


def _body(
    node: ast.FunctionDef, whole: str, built: dict[str, tuple[str, str]]
) -> Iterator[tuple[str, str]]:
    text = ast.unparse(node)
    if older := re.search(r"_serialize\.body\(\w+, '(\w+)'\)", text):
        url = re.search(rf"{node.name}\.metadata = \{{'url': '(.+?)'\}}", whole) or re.search(
            r"url = '(.+?)'", text
        )
        method = re.search(r"_client\.(post|put|patch)\(", text)
        if url and method:
            yield f"{method[1].upper()} {url[1]}", older[1]
    elif (sent := re.search(r"json\.dumps\((\w+),", text)) and (
        builder := re.search(r"(build_\w+_request)\(", text)
    ):
        for argument in [*node.args.args, *node.args.kwonlyargs]:
            if argument.arg == sent[1] and argument.annotation is not None:
                kind = re.search(r"_models\.(?:_models\.)?(\w+)", ast.unparse(argument.annotation))
                assert kind, text
                yield " ".join(built[builder[1]]), kind[1]


# -- merging them -------------------------------------------------------------------------------

Place = tuple[str, str]  # a version and a type


def merged(releases: list[Release]) -> list[tuple[str, dict[str, dict[str, str]]]]:
    """The types under their newest names: for each property its kind in each version."""
    types = {release.version: release.types for release in releases}
    groups: list[list[Place]] = [
        [(r.version, name) for r in releases for name in names if name in r.types]
        for names in ANSWERS
    ]
    bodies: dict[str, list[Place]] = {}
    for release in releases:
        for url, name in release.bodies.items():
            bodies.setdefault(re.sub(r"\{\w+\}", "{}", url), []).append((release.version, name))
    groups += bodies.values()
    names: dict[Place, Place] = {}

    def root(place: Place) -> Place:
        while names.setdefault(place, place) != place:
            place = names[place]
        return place

    seen = set()
    while groups:
        group = groups.pop()
        if not group or tuple(group) in seen:
            continue
        seen.add(tuple(group))
        parts: dict[str, list[Place]] = {}
        for version, name in group:
            names[root((version, name))] = root(group[0])
            for key, kind in types[version][name].items():
                part = kind.strip("[]")
                if types[version].get(part):
                    parts.setdefault(key, []).append((version, part))
        groups += parts.values()
    families: dict[Place, list[Place]] = {}
    for place in sorted(names, reverse=True):
        families.setdefault(root(place), []).append(place)
    newest = {place: family[0][1] for family in families.values() for place in family}
    found: dict[str, dict[str, dict[str, str]]] = {}
    for place, name in newest.items():
        version = place[0]
        for key, kind in types[version][place[1]].items():
            part = kind.strip("[]")
            if part not in KINDS.values() and part != "map":
                part = newest.get((version, part), "str")  # an enumeration
            whole = f"[{part}]" if kind.startswith("[") else part
            found.setdefault(name, {}).setdefault(key, {}).setdefault(version, whole)
    return sorted(found.items())


def lines(releases: list[Release]) -> Iterator[str]:
    """The table."""
    versions = [release.version for release in releases]
    yield from HEAD.splitlines()
    for name, properties in merged(releases):
        yield name
        here = sorted({version for kinds in properties.values() for version in kinds})
        rows: dict[str, list[str]] = {}
        for key, kinds in sorted(properties.items()):
            first, last = min(kinds), max(kinds)
            since = first[:7] if first > here[0] else ""
            gone = versions[versions.index(last) + 1][:7] if last < here[-1] else ""
            mark = f"[{since}:{gone}]" if since or gone else ""
            now = RENAMED.get(key) or RENAMED.get(f"{name}.{key}")
            kind = kinds[last] if len(set(kinds.values())) == 1 else _wider(kinds.values())
            rows.setdefault(kind, []).append(key + mark + (f"={now}" if now else ""))
        for kind, words in sorted(rows.items()):
            yield from textwrap.wrap(
                f"{kind} {' '.join(words)}", 99, initial_indent="  ",
                subsequent_indent="    ", break_long_words=False, break_on_hyphens=False,
            )  # fmt: skip


def _wider(kinds: Iterable[str]) -> str:
    different = set(kinds)
    return "any" if different & {"any", "map"} else different.pop()


def unpacked(wheel: Path) -> dict[str, str]:
    with zipfile.ZipFile(wheel) as archive:
        return {
            name: archive.read(name).decode()
            for name in archive.namelist()
            if name.endswith(".py")
        }


if __name__ == "__main__":
    read = [read_release(unpacked(Path(name))) for name in sys.argv[1:]]
    found = {release.version: release for release in read}
    TABLE.write_text("\n".join(lines([found[version] for version in sorted(found)])) + "\n")
