"""Views as a pandas DataFrame, with a column for each property.

The columns and their types follow from the type of the views, not from their contents, so an empty
list has the same columns as a full one. A property that consists of plain ones (`failure_info`,
`constraints`) is split into columns with a dot in their names; deeper ones stay as they are.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import cache
from itertools import islice
from operator import attrgetter
from typing import Any

import msgspec

from batchlab.core.model.values import View
from batchlab.errors import invalid
from batchlab.extras import pandas
from batchlab.handles.collections.filters import unwrapped

__all__ = ["frame"]

CHUNK = 500
"""How many views are taken apart at a time: all at once would need much memory."""
_PLAIN: dict[Any, str] = {
    str: "string",
    int: "Int64",
    float: "Float64",
    bool: "boolean",
    datetime: "datetime64[us, UTC]",
    timedelta: "timedelta64[us]",
}


def frame(
    view: type[View],
    views: Iterable[View],
    columns: Sequence[str] | None,
    owner: str,
    index: str = "id",
) -> Any:
    """Make a DataFrame of views; see `Handles.to_frame`."""
    known = {name: (get, kind) for name, get, kind in _columns(view)}
    chosen = _chosen(columns, [name for name in known if name != index], owner)
    pd = pandas()
    getters = [known[name][0] for name in [index, *chosen]]
    cells: list[list[Any]] = [[] for _ in getters]
    rows = iter(views)
    while some := list(islice(rows, CHUNK)):
        for get, column in zip(getters, cells, strict=True):
            column.extend(map(get, some))
    keys, *rest = cells
    data = {
        name: pd.Series(column, dtype=known[name][1], index=range(len(keys)))
        for name, column in zip(chosen, rest, strict=True)
    }
    table = pd.DataFrame(data, columns=list(chosen), index=range(len(keys)))
    table.index = pd.Index(keys, name=index, dtype="object")
    return table


def _chosen(columns: Any, names: list[str], owner: str) -> list[str]:
    if columns is None:
        return names
    if isinstance(columns, str) or not isinstance(columns, Iterable):
        raise invalid("columns", columns, "must be a list of columns", owner=owner)
    wanted = list(columns)
    for name in wanted:
        if name not in names:
            reason = f"unknown column; valid columns: {', '.join(names)}"
            raise invalid("columns", name, reason, owner=owner)
    return wanted


Column = tuple[str, Callable[[Any], Any], str]


@cache
def _columns(view: type[View]) -> list[Column]:
    return list(_spread(view, "", lambda whole: whole))


def _spread(
    struct: type[msgspec.Struct], prefix: str, get_whole: Callable[[Any], Any]
) -> Iterator[Column]:
    hints = typing.get_type_hints(struct)
    for name in struct.__struct_fields__:
        kind = unwrapped(hints[name])
        get = _getter(get_whole, name) if prefix else attrgetter(name)
        if _is_flat(kind):
            yield from _spread(kind, f"{prefix}{name}.", get)
        else:
            yield f"{prefix}{name}", get, _PLAIN.get(kind, "object")


def _getter(get_whole: Callable[[Any], Any], name: str) -> Callable[[Any], Any]:
    def get(view: Any) -> Any:
        whole = get_whole(view)
        return None if whole is None else getattr(whole, name)

    return get


def _is_flat(kind: Any) -> bool:
    """Whether a struct consists of plain properties, or of structs that do."""
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return False
    hints = typing.get_type_hints(kind)
    kinds = [unwrapped(hints[name]) for name in kind.__struct_fields__]
    return all(
        part in _PLAIN or typing.get_origin(part) in (dict, typing.Literal) or _is_flat(part)
        for part in kinds
    )
