"""Containers: in which image a command runs, and which images the nodes of a pool have.

Only a pool with a `ContainerConfiguration` runs commands in containers. Its nodes pull the images
that it names before they take tasks; other images are pulled by the first task that names them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from batchlab.core.model.base import Model
from batchlab.core.model.secrets import Secret
from batchlab.errors import invalid

ContainerType = Literal["dockercompatible", "cricompatible"]
ContainerWorkingDirectory = Literal["taskworkingdirectory", "containerimagedefault"]
ContainerHostDataPath = Literal[
    "shared", "startup", "vfsmounts", "task", "jobprep", "applications"
]
Engines = Literal["auto", "podman", "docker"]
DOCKER_HUB = "docker.io"


def check_image(value: str, name: str, owner: str) -> None:
    """Refuse what no engine could take for the name of an image."""
    if not value or value.startswith("-") or not value.isprintable() or " " in value:
        raise invalid(name, value, "give the name of an image, as for `docker pull`", owner=owner)


ImageName = Annotated[str, check_image]


def full_name(image: str) -> str:
    """The name of an image with its registry and its tag.

    >>> full_name("ubuntu")
    'docker.io/library/ubuntu:latest'
    """
    first, slash, _ = image.partition("/")
    if not (slash and is_host(first)):
        image = f"{DOCKER_HUB}/{'' if slash else 'library/'}{image}"
    tagged = ":" in image.rpartition("/")[2] or "@" in image
    return image if tagged else f"{image}:latest"


def is_host(name: str) -> bool:
    """Whether the first part of an image's name is that of a registry."""
    return bool(set(name) & set(".:")) or name == "localhost"


class ContainerRegistryReference(Model, frozen=True, kw_only=True):
    """A private container registry, and how to log in to it.

    Parameters
    ----------
    username, password : str, optional
        The password is never shown, and kept in memory only: a lab that is opened again does not
        have it.
    registry_server : str, default "docker.io"
    """

    username: str | None = None
    password: Secret | None = None
    registry_server: str = DOCKER_HUB

    def serves(self, image: str) -> bool:
        """Whether an image is pulled from here."""
        server = self.registry_server.split("://", 1)[-1].rstrip("/")
        first, slash, _ = image.partition("/")
        if not (slash and is_host(first)):
            return server.endswith(DOCKER_HUB)
        return server.partition("/")[0] == first


class ContainerHostBatchBindMountEntry(Model, frozen=True, kw_only=True):
    """One of the node's directories that a container sees.

    Parameters
    ----------
    source : {"Shared", "Startup", "VfsMounts", "Task", "JobPrep", "Applications"}
        The name of the directory works as well, instead of this object.
    is_read_only : bool, default False
    """

    source: ContainerHostDataPath
    is_read_only: bool = False

    @classmethod
    def _from_sugar(cls, value: Any) -> Any:
        return cls(source=value) if isinstance(value, str) else None  # type: ignore[arg-type]


class TaskContainerSettings(Model, frozen=True, kw_only=True):
    """The container that a command runs in. The name of an image works as well.

    Parameters
    ----------
    image_name : str
        As for ``docker pull``; the tag is ``latest`` if omitted.
    container_run_options : str, optional
        More options for the engine, as on the command line of ``docker create``.
    registry : ContainerRegistryReference, optional
        Where the image is pulled from, unless the pool names that registry.
    working_directory : {"taskWorkingDirectory", "containerImageDefault"}
        Where the command starts; the task's working directory if omitted.
    container_host_batch_bind_mounts : list of ContainerHostBatchBindMountEntry, optional
        Which of the node's directories the container sees, at the same paths as on the node. If
        omitted, all below ``AZ_BATCH_NODE_ROOT_DIR``; none if empty.
    """

    image_name: ImageName
    container_run_options: str | None = None
    registry: ContainerRegistryReference | None = None
    working_directory: ContainerWorkingDirectory = "taskworkingdirectory"
    container_host_batch_bind_mounts: tuple[ContainerHostBatchBindMountEntry, ...] | None = None

    @classmethod
    def _from_sugar(cls, value: Any) -> Any:
        return cls(image_name=value) if isinstance(value, str) else None


def mounted(
    settings: TaskContainerSettings, task: str, preparation: str | None
) -> dict[str, bool]:
    """The node's directories that a container sees, and whether each is read-only.

    They are relative to the node's root; ``""`` is the root itself.

    Parameters
    ----------
    settings : TaskContainerSettings
    task : str
        The directory of the task.
    preparation : str or None
        The directory of the job preparation task, if there is one.
    """
    chosen = settings.container_host_batch_bind_mounts
    if chosen is None:
        return {"": False}
    directories = {
        "shared": "shared", "startup": "startup", "vfsmounts": "fsmounts", "task": task,
        "jobprep": preparation, "applications": "applications",
    }  # fmt: skip
    found = ((directories[entry.source], entry.is_read_only) for entry in chosen)
    return {name: read_only for name, read_only in found if name is not None}


class ContainerConfiguration(Model, frozen=True, kw_only=True):
    """Lets the nodes of a pool run containers.

    Parameters
    ----------
    type : {"dockerCompatible", "criCompatible"}
        Only recorded: containers run in the engine that the node has.
    container_image_names : list of str, optional
        Images that each node has before it takes tasks.
    container_registries : list of ContainerRegistryReference, optional
        Private registries for these images and for those of tasks.
    """

    type: ContainerType = "dockercompatible"
    container_image_names: tuple[ImageName, ...] = ()
    container_registries: tuple[ContainerRegistryReference, ...] = ()

    def registry_of(self, image: str) -> ContainerRegistryReference | None:
        """The registry of the pool that an image is pulled from."""
        found = (each for each in self.container_registries if each.serves(image))
        return next(found, None)


class VirtualMachineConfiguration(Model, frozen=True, kw_only=True):
    """The machines of a pool; a `ContainerConfiguration` works as well.

    Parameters
    ----------
    container_configuration : ContainerConfiguration, optional
        Lets its nodes run containers.
    """

    container_configuration: ContainerConfiguration | None = None

    @classmethod
    def _from_sugar(cls, value: Any) -> Any:
        return (
            cls(container_configuration=value)
            if isinstance(value, ContainerConfiguration)
            else None
        )


class TaskContainerExecutionInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The container of a run: its id, its state as the engine calls it, and what went wrong."""

    container_id: str = ""
    state: str = ""
    error: str = ""
