"""A name means one thing: no two public classes share one, nor many files of the package."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import batchlab


def test_no_two_public_classes_share_a_name() -> None:
    root = Path(batchlab.__file__).parent
    places: dict[str, list[str]] = defaultdict(list)
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(root)))
    assert len(places) > 300
    assert not {name: found for name, found in places.items() if len(found) > 1}


def test_no_file_name_is_in_four_folders() -> None:
    root = Path(batchlab.__file__).parent
    folders: dict[str, list[str]] = defaultdict(list)
    for path in sorted(root.rglob("*.py")):
        folders[path.name].append(str(path.parent.relative_to(root)))
    del folders["__init__.py"]
    assert not {name: found for name, found in folders.items() if len(found) > 3}
