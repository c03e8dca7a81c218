"""Applications: a version is pending until its package is uploaded and activated."""

from __future__ import annotations

import io
import zipfile

import pytest

from helpers.azure import Box

APP = "applications/app"
VERSION = f"{APP}/versions/1.0"
ZIP = {"format": "zip"}


def package(text: str = "hello") -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("file.txt", text)
    return data.getvalue()


@pytest.mark.code("ApplicationPackageBlobNotFound")
def test_package_is_uploaded_and_activated(box: Box) -> None:
    made = box.ask("PUT", APP, {"properties": {"displayName": "d", "allowUpdates": True}})
    assert made.content["properties"] == {"displayName": "d", "allowUpdates": True}
    pending = box.ask("PUT", VERSION).content["properties"]
    assert pending["state"] == "Pending"
    assert "1.0" not in box.lab.applications["app"].packages
    assert box.ask("GET", VERSION).content["properties"] == {"state": "Pending"}
    early = box.ask("POST", f"{VERSION}/activate", ZIP)
    assert (early.status, early.code) == (409, "ApplicationPackageBlobNotFound")
    box.store.put(pending["storageUrl"], package())
    active = box.ask("POST", f"{VERSION}/activate", ZIP).content["properties"]
    assert (active["state"], active["format"]) == ("Active", "zip")
    assert box.lab.applications["app"].packages["1.0"].content_length == len(package())
    assert not box.store.blobs, "the lab keeps it"
    assert box.ask("POST", f"{VERSION}/activate", ZIP).status == 200, "it is active already"
    changed = box.ask("PATCH", APP, {"properties": {"defaultVersion": "1.0"}})
    assert changed.content["properties"]["defaultVersion"] == "1.0"
    rows = box.ask("GET", f"{APP}/versions").content["value"]
    assert [(row["name"], row["properties"]["state"]) for row in rows] == [("1.0", "Active")]
    assert [row["name"] for row in box.ask("GET", "applications").content["value"]] == ["app"]


def test_application_is_made_once_and_then_changed(box: Box) -> None:
    box.ask("PUT", APP, {})
    again = box.ask("PUT", APP, {"properties": {"displayName": "new", "allowUpdates": False}})
    assert again.content["properties"]["displayName"] == "new"
    box.lab.applications["app"].update(allow_updates=True)
    box.lab.applications["app"].create_package("1.0", package())
    box.lab.applications["app"].update(allow_updates=False)
    refused = box.ask("PUT", VERSION)
    assert (refused.status, refused.code) == (409, "OperationInvalidForCurrentState")


def test_what_is_deleted_is_gone(box: Box) -> None:
    assert box.ask("DELETE", APP).status == 204
    box.ask("PUT", APP, {})
    box.ask("PUT", VERSION)
    assert box.ask("DELETE", VERSION).status == 200
    assert box.ask("DELETE", VERSION).status == 204
    box.lab.applications["app"].create_package("1.0", package())
    assert box.ask("DELETE", APP).status == 409, "it has a package"
    assert box.ask("DELETE", VERSION).status == 200
    assert box.ask("DELETE", APP).status == 200
    assert box.ask("GET", APP).code == "ApplicationNotFound"


def test_wrong_requests_are_refused(box: Box) -> None:
    assert box.ask("GET", VERSION).code == "ApplicationNotFound"
    box.ask("PUT", APP, {})
    assert box.ask("GET", VERSION).status == 404
    assert box.ask("POST", f"{VERSION}/activate", ZIP).status == 404
    assert box.ask("POST", f"{VERSION}/activate", {"format": "tar"}).status == 400
    assert box.ask("PUT", f"{APP}/versions/a b", {}).status == 400
    assert box.ask("PATCH", APP, {"properties": {"defaultVersion": "9"}}).status == 400
    assert box.ask("PUT", "applications/bad!id", {}).status == 400
    assert box.ask("PUT", APP, {"properties": "x"}).status == 400
