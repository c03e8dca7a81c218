"""The images that clients look for in the list of supported ones, with the node agent for each.

To a lab an image is only a name: whatever a pool asks for, its nodes run on the lab's machines. So
the list has the common Linux images, and accepts any other. Windows is listed as in Azure, but a
pool of it is refused: see `pool_resources`. The end of Batch's support is the one that
was announced, or that of the distribution.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

__all__ = ["IMAGES", "SupportedImage", "runs_containers"]


class ImageReference(msgspec.Struct, frozen=True):
    """An image of Azure's marketplace."""

    publisher: str
    offer: str
    sku: str
    version: str = "latest"


class SupportedImage(msgspec.Struct, frozen=True):
    """An image, and the node agent for it."""

    node_agent_sku_id: str
    image_reference: ImageReference
    os_type: str = "linux"
    capabilities: tuple[str, ...] = ()
    batch_support_end_of_life: datetime | None = None
    verification_type: str = "verified"


_ENDS = {
    "batch.node.ubuntu 20.04": (2025, 5), "batch.node.ubuntu 22.04": (2027, 6),
    "batch.node.ubuntu 24.04": (2029, 5), "batch.node.debian 11": (2026, 8),
    "batch.node.debian 12": (2028, 6), "batch.node.el 8": (2029, 3), "batch.node.el 9": (2032, 5),
}  # fmt: skip
_DOCKER = ("DockerCompatible",)
_RDMA = ("DockerCompatible", "SupportsRDMAOnly")
_HPC = ("DockerCompatible", "NvidiaTeslaDriverInstalled", "SupportsRDMAOnly")
_WINDOWS = "batch.node.windows amd64"


def _image(
    publisher: str, offer: str, sku: str, agent: str, capabilities: tuple[str, ...] = ()
) -> SupportedImage:
    end = _ENDS.get(agent)
    return SupportedImage(
        agent, ImageReference(publisher, offer, sku),
        os_type="windows" if agent == _WINDOWS else "linux", capabilities=capabilities,
        batch_support_end_of_life=datetime(*end, 31 if end[1] in (3, 5, 8) else 30, tzinfo=UTC)
        if end else None,
    )  # fmt: skip


IMAGES = (
    _image("canonical", "ubuntu-24_04-lts", "server", "batch.node.ubuntu 24.04"),
    _image("canonical", "0001-com-ubuntu-server-jammy", "22_04-lts", "batch.node.ubuntu 22.04"),
    _image("canonical", "0001-com-ubuntu-server-focal", "20_04-lts", "batch.node.ubuntu 20.04"),
    _image("microsoft-dsvm", "ubuntu-hpc", "2404", "batch.node.ubuntu 24.04", _HPC),
    _image("microsoft-dsvm", "ubuntu-hpc", "2204", "batch.node.ubuntu 22.04", _HPC),
    _image("microsoft-dsvm", "ubuntu-hpc", "2004", "batch.node.ubuntu 20.04", _HPC),
    _image("microsoft-azure-batch", "ubuntu-server-container", "20-04-lts",
           "batch.node.ubuntu 20.04", _DOCKER),
    _image("microsoft-azure-batch", "ubuntu-server-container-rdma", "20-04-lts",
           "batch.node.ubuntu 20.04", _RDMA),
    _image("almalinux", "almalinux-x86_64", "9-gen2", "batch.node.el 9"),
    _image("almalinux", "almalinux-x86_64", "8-gen2", "batch.node.el 8"),
    _image("almalinux", "almalinux-hpc", "8_7-hpc-gen2", "batch.node.el 8", _RDMA),
    _image("debian", "debian-12", "12", "batch.node.debian 12"),
    _image("debian", "debian-11", "11", "batch.node.debian 11"),
    _image("microsoftwindowsserver", "windowsserver", "2022-datacenter", _WINDOWS),
    _image("microsoftwindowsserver", "windowsserver", "2019-datacenter-with-containers", _WINDOWS,
           _DOCKER),
)  # fmt: skip


def runs_containers(publisher: str, offer: str) -> bool:
    """Whether an image has a container runtime; one of an unknown publisher may have one."""
    known = [image for image in IMAGES if image.image_reference.publisher == publisher.lower()]
    offers = {
        image.image_reference.offer for image in known if "DockerCompatible" in image.capabilities
    }
    return not known or offer.lower() in offers or publisher.lower() == "microsoft-azure-batch"
