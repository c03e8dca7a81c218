"""Our table of operations beside that of the SDK, read out of the SDK that is installed."""

from __future__ import annotations

import ast
import inspect
import re

import azure.batch._operations._operations as sdk
import pytest

from batchlab.rest import service
from batchlab.rest.routes import OPERATIONS, find

Operation = tuple[str, str]
OLDER = {
    ("POST", "/certificates"),
    ("GET", "/certificates"),
    ("GET", "/certificates(thumbprintAlgorithm={},thumbprint={})"),
    ("DELETE", "/certificates(thumbprintAlgorithm={},thumbprint={})"),
    ("POST", "/certificates(thumbprintAlgorithm={},thumbprint={})/canceldelete"),
    ("GET", "/pools/{}/nodes/{}/rdp"),
    ("GET", "/nodeagentskus"),
    ("GET", "/lifetimepoolstats"),
    ("GET", "/lifetimejobstats"),
    ("POST", "/pools/{}/upgradeos"),
}
"""Operations that the SDK has no more, and its version 14.2 or an earlier one had."""


def plain(url: str) -> str:
    return re.sub(r"\{\w+\}", "{}", url)


def sdk_operations() -> dict[Operation, str]:
    found: dict[Operation, str] = {}
    for node in ast.parse(inspect.getsource(sdk)).body:
        if not isinstance(node, ast.FunctionDef) or not node.name.startswith("build_batch_"):
            continue
        text = ast.unparse(node)
        method = re.search(r"HttpRequest\(method='(\w+)'", text)
        url = re.search(r"_url = '([^']+)'", text)
        assert method, node.name
        assert url, node.name
        name = node.name.removeprefix("build_batch_").removesuffix("_request")
        found[method[1], plain(url[1])] = name.removesuffix("_internal")
    return found


SDK = sdk_operations()


def test_sdk_has_as_many_operations_as_were_counted() -> None:
    assert len(SDK) == 72


def test_operations_are_those_of_the_sdk_and_the_older_ones() -> None:
    ours = {(route.method, plain(route.template)) for route in OPERATIONS}
    assert ours == set(SDK) | OLDER
    assert len(ours) == len(OPERATIONS)


@pytest.mark.parametrize("route", OPERATIONS, ids=lambda route: f"{route.method} {route.template}")
def test_operation_is_found_at_its_address_under_the_name_of_the_sdk(route: object) -> None:
    operation = (route.method, plain(route.template))
    address = re.sub(r"\{path\}", "wd%2Fa%20b", route.template)
    address = re.sub(r"\{(\w+)\}", r"\1%3A%c3%a9", address)
    answer, named = find(route.method, address)
    assert answer is route.answer
    assert all(value in (f"{name}:é", "wd/a b") for name, value in named.items())
    if operation in SDK:
        assert route.name.removeprefix("begin_") == SDK[operation].removeprefix("begin_")


def test_modules_of_operations_are_all_registered() -> None:
    modules = {inspect.getmodule(route.answer) for route in OPERATIONS}
    assert modules == set(service.OPERATION_MODULES)
