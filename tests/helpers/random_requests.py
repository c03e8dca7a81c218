"""Random requests by the specification's types: valid, nearly valid, and not at all.

All is drawn from a `random.Random`, which may be one of Hypothesis.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from batchlab.rest.routes import OPERATIONS, Route
from batchlab.rest.service import OPERATION_MODULES
from batchlab.rest.specification import ANSWERS, BODIES, TYPES
from helpers.bodies import value_of

assert OPERATION_MODULES  # importing them registers their operations
VERSIONS = [
    "2017-01-01.4.0", "2017-05-01.5.0", "2017-06-01.5.1", "2017-09-01.6.0", "2018-03-01.6.1",
    "2018-08-01.7.0", "2018-12-01.8.0", "2019-06-01.9.0", "2019-08-01.10.0", "2020-03-01.11.0",
    "2020-09-01.12.0", "2021-06-01.14.0", "2022-01-01.15.0", "2022-10-01.16.0", "2023-05-01.17.0",
    "2023-11-01.18.0", "2024-02-01.19.0", "2024-07-01.20.0", "2025-06-01", "2027-01-01",
]  # fmt: skip
ODD_VERSIONS = ["", "x", "2016-02-01.3.0", "2025-13-01", "2025-06-01.", "٢٠٢٥-06-01", "9" * 500]
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
IDS = {
    "pool_id": ["p", "p", "q"],
    "node_id": ["node"],
    "job_id": ["j", "k"],
    "task_id": ["a", "b"],
    "job_schedule_id": ["s"],
    "user_name": ["ada"],
    "application_id": ["app"],
    "extension_name": ["e"],
    "algorithm": ["sha1"],
    "thumbprint": ["0123456789abcdef0123456789abcdef01234567"],
    "path": ["stdout.txt", "wd", "wd/in.txt", "startup/stdout.txt", "shared"],
}
"""Usual values of the names in URLs."""
WORDS = [
    "p", "j", "a", "pools", "jobs", "tasks", "files", "nodes", "..", "%2e%2e", "%2F", "%", "%ff",
    "a%00b", "stdout.txt", "wd", "", "é", "$metadata", "certificates(thumbprint=a)", "a" * 300,
]  # fmt: skip
"""Odd parts of URLs."""
FILTERS = [
    "state eq 'active'", "id eq", "(((", "startswith(id,'a'", "executionInfo/exitCode gt 0",
    "creationTime lt DateTime'2026-01-01'", "creationTime gt 2026-01-01T00:00:00Z", "id eq null",
    "(" * 60 + "id eq 'a'" + ")" * 60, "properties/contentLength gt 3", "id gt 3 or id lt 'x'",
    "(" * 2000 + "id eq 'a'" + ")" * 2000, " or ".join(["id eq 'a'"] * 300), "id eq " + "9" * 400,
    "id eq '" + "x" * 5000, "creationTime gt DateTime'0001-01-01T00:00:00+14:00'",
]  # fmt: skip
OPERATORS = ["eq", "ne", "gt", "ge", "lt", "le", "in", ""]
OPERANDS = [
    "'a'", "''", "'it''s'", "'active'", "3", "-1.5", "true", "null", "DateTime'2026-01-01'",
    "2026-01-01T00:00:00Z", "id", "", "'é'",
]  # fmt: skip
PARAMETERS = {
    "maxresults": ["1", "2", "1000", "0", "-5", "x", "٣", "9999999999", ""],
    "$skiptoken": ["p", "1!p", "", "é", "a" * 500],
    "$select": ["id", "id, state", "*", "x", "", ",,", "id/state", "url,id"],
    "$expand": ["stats", "x", "", "stats,stats"],
    "recursive": ["true", "false", "x", ""],
    "timeOut": ["30", "0", "-1", "x", "1e9", ""],
    "timeout": ["30", "x"],
    "startTime": ["2026-01-01T00:00:00Z", "x"],
    "endTime": ["2026-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00"],
    "granularity": ["day", "x"],
    "force": ["true", "x"],
}  # fmt: skip
HEADERS = {
    "If-Match": ["*", "0x1", "", "é", '"0x1"', "0x1, 0x2"],
    "If-None-Match": ["*", "0x1", "", "é", '"0x1"', "0x1, 0x2"],
    "If-Modified-Since": ["Sat, 21 Nov 2026 18:52:40 GMT", "", "x", "2026-01-01"],
    "If-Unmodified-Since": ["Sat, 21 Nov 2026 18:52:40 GMT", "", "Sat, 21 Nov 0000 18:52:40 GMT"],
    "ocp-range": ["bytes=0-1", "bytes=-1", "bytes=5-1", "bytes=x", "bytes=0-", "bytes=-", "é",
                  "bytes=99999999999999999999-", "bytes=0-1,3-4"],
    "ocp-date": ["Sat, 21 Nov 2026 18:52:40 GMT", "x"],
    "client-request-id": ["true", "é", "", "a" * 5000],
    "return-client-request-id": ["true", "x"],
    "Content-Type": ["application/json; odata=minimalmetadata", "text/plain", "x"],
    "Accept-Language": ["de", ""],
    "X-Forwarded-Prefix": ["/x", "é"],
    "X-HTTP-Method-Override": ["DELETE"],
}  # fmt: skip
RAW = [b"{", b"\xff", b'{"a": "\\ud800"}', b"[" * 5000, b"[1]", b"null", b'{"id": 1e999}',
       b'{"id": "p", "id": "q"}', b'{"id": ' + b"9" * 5000 + b"}", b"\xef\xbb\xbf{}",
       b'{"a":' * 5000 + b"1" + b"}" * 5000, b'"x"', b'{"id": "\\u0000"}', b"{}"]  # fmt: skip
MISSPELT = ["x", "Id", "ids", "startTasks", "properties", "start_task", "", "é", "odata.a"]
NEEDED = ["id", "vmSize", "commandLine", "poolInfo", "name", "value", "jobSpecification",
          "schedule", "pool"]  # fmt: skip
ODD: list[Any] = [
    None, True, False, 0, -1, 7, 2**31, -(2**31), 2**63, 10**30, 1e308, -0.5, 1.5,
    "", " ", "p", "j", "a", "P", "PT5M", "P1Y", "-1", "--1", "true", "\x00", "é", "😀", "/", "..",
    "a" * 70, "a" * 5000, "2026-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00", "P10675199DT2H48M5.4775807S", "P99999999999D", "PT0S",
    "PT0.0000001S", "-PT5M", "$TargetDedicatedNodes=1", "1e400", "٣", "Infinity",
]  # fmt: skip
"""Values that hardly any property may have."""


class Sent(NamedTuple):
    """A request: a path that is encoded, a query, headers, and the body."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def query_text(self) -> str:
        """The query, not encoded."""
        return "&".join(f"{name}={value}" for name, value in self.query.items())


def any_request(draw: random.Random, nodes: Sequence[str] = ("node",)) -> Sent:
    """Draw a request: mostly an operation's, with parameters, headers and a body of its type.

    Parameters
    ----------
    draw : random.Random
    nodes : sequence of str, default ("node",)
        Ids of nodes.
    """
    route = draw.choice(OPERATIONS)
    kind = BODIES.get(route.answer.__name__, "")
    method = draw.choice(METHODS) if _one_in(draw, 20) else route.method
    query = {"api-version": draw.choice(ODD_VERSIONS if _one_in(draw, 40) else VERSIONS)}
    if _one_in(draw, 60):
        query = {}
    if _one_in(draw, 3):
        query |= _some(draw, PARAMETERS)
    if _one_in(draw, 4):
        query["$filter"] = any_filter(draw)
    headers = _some(draw, HEADERS) if _one_in(draw, 4) else {}
    odd_in = draw.choice([12, 50, 0])
    body = msgspec.json.encode(random_body(draw, kind, odd_in, nodes)) if kind else b""
    if _one_in(draw, 25):
        body = draw.choice(RAW) if _one_in(draw, 2) else msgspec.json.encode(odd(draw))
    return Sent(method, any_path(draw, route, nodes), query, headers, body)


def any_path(draw: random.Random, route: Route, nodes: Sequence[str] = ("node",)) -> str:
    """Draw a path: that of an operation with usual or odd names in it, or of odd words."""
    if _one_in(draw, 40):
        return "/" + "/".join(draw.choice(WORDS) for _ in range(draw.randint(0, 7)))
    usual = {name: draw.choice(ids) for name, ids in IDS.items()} | {"node_id": draw.choice(nodes)}
    names = {name: draw.choice(WORDS) if _one_in(draw, 20) else usual[name] for name in usual}
    return route.template.format(**names)


def any_filter(draw: random.Random) -> str:
    """Draw an OData filter: of the properties of answers, an odd one, or hardly a filter."""
    if _one_in(draw, 4):
        return draw.choice(FILTERS)
    if _one_in(draw, 6):
        return "".join(draw.choices("()' aeiqndtrsxyz/,.0123", k=draw.randint(0, 30)))
    parts = []
    for _ in range(draw.randint(1, 3)):
        name = draw.choice(sorted(TYPES[draw.choice(sorted(ANSWERS.values()))]))
        if _one_in(draw, 5):
            parts.append(f"startswith({name},{draw.choice(OPERANDS)})")
        else:
            parts.append(f"{name} {draw.choice(OPERATORS)} {draw.choice(OPERANDS)}")
    return draw.choice([" and ", " or "]).join(parts)


def random_body(
    draw: random.Random, kind: str, odd_in: int = 12, nodes: Sequence[str] = ("node",),
    depth: int = 3,
) -> dict[str, Any]:  # fmt: skip
    """Draw a body of a type.

    Parameters
    ----------
    draw : random.Random
    kind : str
    odd_in : int, default 12
        One in so many values is odd; 0 for none.
    nodes : sequence of str, default ("node",)
        Ids of nodes.
    depth : int, default 3
        How deep objects are in each other.
    """
    known = TYPES[kind]
    needed = [] if odd_in and _one_in(draw, 10) else [name for name in NEEDED if name in known]
    wanted = draw.sample(sorted(known), draw.randint(0, min(6, len(known))))
    found = {
        name: _random(draw, kind, name, odd_in, nodes, depth)
        for name in dict.fromkeys([*needed, *wanted])
    }
    if odd_in and _one_in(draw, 15):
        found[draw.choice(MISSPELT)] = odd(draw)
    return found


def _random(
    draw: random.Random, kind: str, name: str, odd_in: int, nodes: Sequence[str], depth: int
) -> Any:
    about = TYPES[kind][name]
    if odd_in and _one_in(draw, odd_in):
        return odd(draw)

    def usual() -> Any:
        if name in ("id", "poolId", "jobId"):
            return draw.choice(["p", "q", "j", "k", "s", "a", "b"])
        if about.kind in TYPES:
            return random_body(draw, about.kind, odd_in, nodes, depth - 1) if depth else {}
        return value_of(kind, name, about, "2025-06")

    if name == "nodeList":
        return draw.sample(nodes, draw.randint(0, len(nodes)))
    if not about.several:
        return usual()
    items = [usual() for _ in range(draw.randint(0, 2))]
    return items[0] if items and isinstance(items[0], list) else items


def odd(draw: random.Random, depth: int = 3) -> Any:
    """Draw a value that hardly any property may have."""
    inner: list[Callable[[], Any]] = [
        lambda: [odd(draw, depth - 1) for _ in range(draw.randint(0, 3))],
        lambda: {
            draw.choice(["id", "name", "value", "x", "odata.type"]): odd(draw, depth - 1)
            for _ in range(draw.randint(0, 3))
        },
    ]
    return draw.choice(inner)() if depth and _one_in(draw, 4) else draw.choice(ODD)


def _some(draw: random.Random, values: dict[str, list[str]]) -> dict[str, str]:
    """Draw up to three names with their values."""
    names = draw.sample(sorted(values), draw.randint(1, 3))
    return {name: draw.choice(values[name]) for name in names}


def _one_in(draw: random.Random, number: int) -> bool:
    return draw.randrange(number) == number - 1  # the smallest number is the usual
