"""What `create_package` is given, and what lies in the storage before and after."""

from pathlib import Path
from typing import Any

import pytest

import batchlab as bl
from helpers.archives import zipped


def blobs(lab: Any) -> list[str]:
    """Where packages lie: container and blob, each without what tells it from others."""
    return [
        f"{name.rpartition('-')[0]}/{blob.name.rpartition('-')[0]}"
        for name in lab.storage
        for blob in lab.storage[name].list()
    ]


@pytest.mark.parametrize("form", ["bytes", "bytearray", "path", "text"])
def test_package_is_taken_in_every_form(tmp_path: Path, form: str) -> None:
    data = zipped({"a": "x"})
    (tmp_path / "a.zip").write_bytes(data)
    given: Any = {"bytes": data, "bytearray": bytearray(data), "path": tmp_path / "a.zip",
                  "text": str(tmp_path / "a.zip")}[form]  # fmt: skip
    with bl.SimulatedLab() as lab:
        package = lab.create_application("My_App-1").create_package("1.0", given)
        assert package.content_length == len(data)
        assert blobs(lab) == ["app-my-app-1/1.0"]
        assert package.storage_url.endswith(".zip")


BAD: list[tuple[tuple[Any, ...], str]] = [
    (("1", "/no/such/file.zip"), "package"),
    (("1", 7), "package"),
    (("1", None), "package"),
    (("1", "a\0b"), "package"),
    ((1, b"x"), "version"),
    ((".1", b"x"), "version"),
    (("1",), "package"),
]


@pytest.mark.parametrize(("given", "name"), BAD, ids=range(len(BAD)))
def test_bad_package_is_refused_by_name_and_leaves_nothing(
    given: tuple[Any, ...], name: str
) -> None:
    with bl.SimulatedLab() as lab:
        application = lab.create_application("app")
        with pytest.raises(bl.InvalidRequest) as caught:
            application.create_package(*given)
        assert caught.value.values["PropertyName"] == name
        assert blobs(lab) == []
        assert application.versions == ()


def test_contents_that_are_replaced_refused_or_deleted_leave_the_storage() -> None:
    with bl.SimulatedLab() as lab:
        application = lab.create_application("app")
        first = application.create_package("1", zipped({"a": "x"}))
        old = first.storage_url
        application.create_package("1", zipped({"a": "y"}))
        assert first.storage_url != old
        assert blobs(lab) == ["app-app/1"]
        application.update(allow_updates=False)
        with pytest.raises(bl.Conflict):
            application.create_package("1", zipped({"a": "z"}))
        assert blobs(lab) == ["app-app/1"]
        application.update(allow_updates=True)
        first.delete()
        assert blobs(lab) == []
        with pytest.raises(bl.NotFound):
            first.delete()


def test_deletion_goes_on_where_the_contents_are_gone_already(tmp_path: Path) -> None:
    with bl.SimulatedLab(storage=tmp_path) as lab:
        application = lab.create_application("app")
        package = application.create_package("1", zipped({"a": "x"}))
        for name in lab.storage:
            lab.storage[name].delete(lab.storage[name].list()[0].name)
        package.delete()
        assert application.versions == ()


def test_lists_know_their_packages_by_version_and_have_frames() -> None:
    with bl.SimulatedLab() as lab:
        application = lab.create_application("app")
        for version in ("1.0", "1.1", "2.0"):
            application.create_package(version, b"x")
        packages = application.packages
        assert list(packages) == ["1.0", "1.1", "2.0"]
        assert packages["1.1"].application_id == "app"
        assert packages.get("3.0") is None
        assert list(packages.filter(version=["1.0", "2.0"])) == ["1.0", "2.0"]
        assert list(packages.to_frame().index) == ["1.0", "1.1", "2.0"]
        assert list(packages.to_frame().columns[:2]) == ["application_id", "state"]
        assert list(lab.applications.to_frame().index) == ["app"]
        assert repr(packages["2.0"]) == "ApplicationPackage('app', '2.0')"


def test_storage_that_is_gone_is_told_and_no_version_is_added(tmp_path: Path) -> None:
    with bl.SimulatedLab(storage=tmp_path / "s") as lab:
        application = lab.create_application("app")
        (tmp_path / "s").rename(tmp_path / "elsewhere")
        (tmp_path / "s").write_text("a file now")
        with pytest.raises(bl.BatchError):
            application.create_package("1", zipped({"a": "x"}))
        assert application.versions == ()
