"""Versions of the API: the names that each has for what the newest calls otherwise.

Operations know only the newest names. A `Version` translates the body of a request to them, and
answers back. The real service refuses a name of another version. This one is more lenient, because
published examples and templates mix names:

* a name of today is accepted in every version;
* an old name is accepted until the version that renamed it; ``maxTasksPerNode``, which examples
  use for longer, until ``2022-01``. After that it is refused, and the error has the name of today;
* a version that is newer than all known ones is answered as the newest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import cache
from typing import Any, NamedTuple

from batchlab.errors import InvalidRequest
from batchlab.rest.specification import (
    ANSWERS,
    REQUIRED,
    SETTINGS,
    TYPES,
    Property,
    mistyped,
    nonexistent,
)

__all__ = ["OLDEST", "Version"]

Wire = dict[str, Any]
OLDEST = "2017-01"
"""The oldest supported version."""
_TOLERATED = {"maxTasksPerNode": "2022-01"}
_UNSET: dict[str, Any] = {
    "allowTaskPreemption": False, "dynamicVNetAssignmentScope": "none",
    "enableAcceleratedNetworking": False, "jobDefaultOrder": "none", "maxParallelTasks": -1,
    "requiredSlots": 1, "targetLowPriorityNodes": 0, "workingDirectory": "taskWorkingDirectory",
}  # fmt: skip
"""Settings that versions older than them show only if a client has set them."""


class Version(NamedTuple):
    """A version, by its month: ``2017-05``."""

    month: str

    def read(self, body: Wire, kind: str) -> Wire:
        """A body with the names of today.

        Parameters
        ----------
        body : dict
        kind : str
            Its type in the specification.

        Raises
        ------
        InvalidRequest
            ``InvalidRequestBody``: a property that no version has, or of a wrong JSON type.
            ``MissingRequiredProperty``.
        """
        known = TYPES[kind]
        found: Wire = {}
        if "properties" in body and "properties" not in known:
            raise nonexistent("properties", kind, self.month, body)
        for name, value in body.items():
            about = known.get(name)
            if about is None:
                if "odata." in name:
                    continue  # an annotation
                raise nonexistent(name, kind, self.month, body)
            if about.now:
                if self.month >= _TOLERATED.get(name, about.until) or about.now in body:
                    raise nonexistent(name, kind, self.month, body)
                found[about.now] = self._read_value(value, about, name, kind)
            else:
                found[name] = self._read_value(value, about, name, kind)
        for name in REQUIRED.get(kind, ()):
            is_gone = known[name].until and self.month >= known[name].until
            if found.get(name) is None and not is_gone:
                raise InvalidRequest(
                    "MissingRequiredProperty", f"{name} is required", {"PropertyName": name}
                )
        return found

    def _read_value(self, value: Any, about: Property, name: str, kind: str) -> Any:
        if value is None:
            return None
        if not about.several:
            return self._read_one(value, about.kind, name, kind)
        if not isinstance(value, list):
            raise mistyped(name, kind, "a list")
        return [self._read_one(item, about.kind, name, kind) for item in value]

    def _read_one(self, value: Any, inner: str, name: str, kind: str) -> Any:
        if inner in TYPES:
            if not isinstance(value, dict):
                raise mistyped(name, kind, "an object")
            return self.read(value, inner)
        is_valid, what = _JSON[inner]
        if not is_valid(value):
            raise mistyped(name, kind, what)
        return value

    def write(self, resource: Wire, answer: str) -> Wire:
        """A resource with the names of this version; `answer` is its kind in an answer."""
        kind = ANSWERS.get(answer)
        steps = _steps(self.month, kind) if kind else {}
        return _write(resource, steps) if steps else resource

    def names(self, known: Collection[str], answer: str) -> Collection[str]:
        """The names for ``$select`` and ``$filter``, from those of today."""
        kind = ANSWERS.get(answer)
        steps = _steps(self.month, kind) if kind else {}
        if not steps:
            return known
        return frozenset(steps[name].name if name in steps else name for name in known)


def _is_whole(value: Any) -> bool:
    """Whether it is a number, or text with one: the `az` command line sends numbers as text."""
    if isinstance(value, str):
        return re.fullmatch(r"\s*-?\d{1,11}\s*", value, re.ASCII) is not None
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_truth(value: Any) -> bool:
    return isinstance(value, bool) or (
        isinstance(value, str) and value.lower() in ("true", "false")
    )


_JSON: dict[str, tuple[Callable[[Any], bool], str]] = {
    "str": (_is_text, "text"),
    "time": (_is_text, "text"),
    "duration": (_is_text, "text"),
    "int": (_is_whole, "a number"),
    "float": (_is_whole, "a number"),
    "bool": (_is_truth, "true or false"),
    "map": (lambda value: isinstance(value, dict), "an object"),
    "any": (lambda value: True, ""),
}
"""Whether a value may be of a kind, and what it must be."""


# -- answers ------------------------------------------------------------------------------------


class _Step(NamedTuple):
    """What becomes of a property: its name (empty: it is left out), and the steps inside it."""

    name: str
    inner: dict[str, Any]
    first: bool = False
    unset: Any = None


@cache
def _steps(month: str, kind: str) -> dict[str, _Step]:
    """What has to be done to properties of a type, by their names of today."""
    known = TYPES[kind]
    older = {
        about.now: (name, about)
        for name, about in known.items()
        if month < about.until and about.now
    }
    found = {}
    for name, about in known.items():
        if about.now:
            continue
        inner = _steps(month, about.kind) if about.kind in TYPES else {}
        if name in older:
            old, was = older[name]
            found[name] = _Step(old, inner, about.several and not was.several)
        elif about.since > month and name not in SETTINGS:
            found[name] = _Step("", {})
        elif about.since > month and name in _UNSET:
            found[name] = _Step(name, inner, unset=_UNSET[name])
        elif inner:
            found[name] = _Step(name, inner)
    return found


def _write(resource: Wire, steps: dict[str, _Step]) -> Wire:
    found: Wire = {}
    for name, value in resource.items():
        step = steps.get(name)
        if step is None:
            found[name] = value
        elif step.name and value != step.unset and not _is_exit_code(step, value):
            shown = value[0] if step.first and value else value
            found[step.name] = _write_value(shown, step.inner) if step.inner else shown
    return found


def _is_exit_code(step: _Step, value: Any) -> bool:
    """Whether it is the failure of a command, which was not a scheduling error."""
    return (
        step.name == "schedulingError"
        and isinstance(value, dict)
        and value.get("code") == "FailureExitCode"
    )


def _write_value(value: Any, steps: dict[str, _Step]) -> Any:
    if isinstance(value, list):
        return [_write_value(item, steps) for item in value]
    return _write(value, steps) if isinstance(value, dict) else value
