"""The list of supported images, as clients search it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential

import batchlab as bl
from helpers.rest import Desk


def names(desk: Desk, chosen: str) -> list[tuple[str, str, str]]:
    answer = desk.get("/supportedimages", f"$filter={chosen}")
    assert answer.status == 200, answer.content
    found = [image["imageReference"] for image in answer.content["value"]]
    return [(image["publisher"], image["offer"], image["sku"]) for image in found]


def test_image_has_the_properties_of_the_real_list(desk: Desk) -> None:
    images = desk.get("/supportedimages").content["value"]
    hpc = next(image for image in images if image["imageReference"]["sku"] == "2204")
    assert hpc["nodeAgentSKUId"] == "batch.node.ubuntu 22.04"
    assert hpc["imageReference"] == {
        "publisher": "microsoft-dsvm", "offer": "ubuntu-hpc", "sku": "2204", "version": "latest"
    }  # fmt: skip
    assert (hpc["osType"], hpc["verificationType"]) == ("linux", "verified")
    assert "DockerCompatible" in hpc["capabilities"]
    assert datetime.fromisoformat(hpc["batchSupportEndOfLife"]).year == 2027
    assert all("nodeAgentSKUId" in image and "nodeAgentSkuId" not in image for image in images)
    assert [image["osType"] for image in images].count("windows") == 2


@pytest.mark.parametrize(
    ("publisher", "offer", "agent"),
    [
        ("microsoft-dsvm", "ubuntu-hpc", "batch.node.ubuntu 22.04"),
        ("microsoft-dsvm", "ubuntu-hpc", "batch.node.ubuntu 24.04"),
        ("canonical", "0001-com-ubuntu-server-jammy", "batch.node.ubuntu 22.04"),
        ("canonical", "0001-com-ubuntu-server-focal", "batch.node.ubuntu 20.04"),
        ("canonical", "ubuntu-24_04-lts", "batch.node.ubuntu 24.04"),
        ("microsoft-azure-batch", "ubuntu-server-container", "batch.node.ubuntu 20.04"),
        ("microsoftwindowsserver", "windowsserver", "batch.node.windows amd64"),
    ],
)
def test_image_that_clients_look_for_is_found_by_a_filter(
    desk: Desk, publisher: str, offer: str, agent: str
) -> None:
    chosen = (
        f"nodeAgentSKUId eq '{agent}' and imageReference/publisher eq '{publisher}' and "
        f"imageReference/offer eq '{offer}' and verificationType eq 'verified'"
    )
    found = names(desk, chosen.replace(" ", "%20"))
    assert found
    assert {image[:2] for image in found} == {(publisher, offer)}


def test_images_are_filtered_by_system_and_end_of_support(desk: Desk) -> None:
    assert {image[0] for image in names(desk, "osType%20eq%20'windows'")} == {
        "microsoftwindowsserver"
    }
    later = names(desk, "batchSupportEndOfLife%20gt%20DateTime'2028-12-31T00:00:00Z'")
    assert ("canonical", "ubuntu-24_04-lts", "server") in later
    assert ("canonical", "0001-com-ubuntu-server-jammy", "22_04-lts") not in later
    chosen = desk.get("/supportedimages", "$select=nodeAgentSKUId&maxresults=1").content
    assert list(chosen["value"][0]) == ["nodeAgentSKUId"]
    assert "odata.nextLink" in chosen


def test_client_reads_the_images() -> None:
    with bl.SimulatedLab() as lab, lab.serve() as endpoint:
        credential = AzureNamedKeyCredential(endpoint.account, endpoint.key)
        client: Any = BatchClient(endpoint=endpoint.url, credential=credential)
        images = list(client.list_supported_images(filter="osType eq 'linux'"))
        hpc = next(image for image in images if image.image_reference.offer == "ubuntu-hpc")
        assert hpc.node_agent_sku_id.startswith("batch.node.ubuntu")
        assert hpc.capabilities
        assert hpc.batch_support_end_of_life.year > 2025
        assert all(image.os_type == "linux" for image in images)
