"""Which files a pattern means, and what their blobs are called."""

import pytest

from batchlab.storage.patterns import read_pattern

WD = "/root/job/task/wd"
TREE = [
    "a.txt",
    "b.TXT",
    ".hidden.txt",
    "d/c.txt",
    "d/e/f.txt",
    "d/.git/x.txt",
    "abc",
    "a^b",
    "x]",
]


def matched(text, files=TREE, environment=None):
    pattern = read_pattern(text, WD, environment or {})
    if pattern.regex is None:
        return pattern.base, [name for name in files if name == pattern.name]
    found = [name for name in files if pattern.deep or "/" not in name]
    return pattern.base, [name for name in found if pattern.regex.match(name)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a.txt", ["a.txt"]),
        ("*.txt", ["a.txt"]),
        ("*", ["a.txt", "b.TXT", "abc", "a^b", "x]"]),
        ("?bc", ["abc"]),
        ("a?b", ["a^b"]),
        (".*.txt", [".hidden.txt"]),
        ("**/*.txt", ["a.txt", "d/c.txt", "d/e/f.txt"]),
        ("**", ["a.txt", "b.TXT", "d/c.txt", "d/e/f.txt", "abc", "a^b", "x]"]),
        ("**/.git/*", ["d/.git/x.txt"]),
        ("*/*.txt", ["d/c.txt"]),
        ("[ab].*", ["a.txt", "b.TXT"]),
        ("[!a].*", ["b.TXT"]),
        ("[a-c]bc", ["abc"]),
        ("[!b-z]bc", ["abc"]),
        ("a[^]b", ["a^b"]),
        ("x[]]", ["x]"]),
        ("[xy", []),
        ("./*.txt", ["a.txt"]),
        ("nosuch*", []),
    ],
)
def test_pattern_matches_below_its_base(text, names):
    assert matched(text)[1] == names


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("*", WD),
        ("../std*.txt", "/root/job/task"),
        ("out/deep/*.png", f"{WD}/out/deep"),
        ("/root/shared/**/x", "/root/shared"),
        ("../../../../../../*", "/"),
        ("$OUT/*.txt", f"{WD}/results"),
        ("${OUT}/*.txt", f"{WD}/results"),
        ("$ROOT/x", "/root/shared"),
        ("$NONE/*", f"{WD}/$NONE"),
    ],
)
def test_base_is_what_comes_before_the_first_wildcard(text, base):
    environment = {"OUT": "results", "ROOT": "/root/shared"}
    assert matched(text, environment=environment)[0] == base


@pytest.mark.parametrize(
    ("text", "found", "path", "blob"),
    [
        ("a.txt", "a.txt", None, "a.txt"),
        ("d/c.txt", "c.txt", None, "c.txt"),
        ("d/c.txt", "c.txt", "x/y", "x/y"),
        ("**/*.txt", "d/c.txt", None, "d/c.txt"),
        ("**/*.txt", "d/c.txt", "x", "x/d/c.txt"),
        ("../std*.txt", "stdout.txt", "logs", "logs/stdout.txt"),
    ],
)
def test_blob_keeps_the_tree_below_the_base(text, found, path, blob):
    assert read_pattern(text, WD, {}).blob(found, path) == blob
