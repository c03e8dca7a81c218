"""Properties that the lab does not use are kept as long as the lab, also in its journal."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import batchlab as bl
from batchlab.core.messages.questions import ListKeptProperties
from helpers.rest import POOL, Desk

DISKS = {
    "virtualMachineConfiguration": {
        "imageReference": {"publisher": "canonical", "offer": "ubuntu-24_04-lts", "sku": "server"},
        "nodeAgentSKUId": "batch.node.ubuntu 24.04",
        "dataDisks": [{"lun": 0, "diskSizeGB": 10}, {"lun": 1, "diskSizeGB": 20}],
    },
    "userAccounts": [
        {"name": "a", "password": "secret"},
        {"name": "b", "linuxUserConfiguration": {"uid": 2001, "gid": 2001}, "password": "secret"},
    ],
}


def kept(desk: Desk) -> list[Any]:
    return desk.lab._connection.ask(ListKeptProperties())


def test_lab_that_is_opened_again_returns_what_was_written(tmp_path: Path) -> None:
    with Desk(bl.SimulatedLab(journal=tmp_path / "lab")) as desk:
        assert desk.post("/pools", POOL | DISKS).status == 201
        before = desk.get("/pools/p").content
    with Desk(bl.SimulatedLab(journal=tmp_path / "lab")) as desk:
        after = desk.get("/pools/p").content
        assert after["userAccounts"] == before["userAccounts"]
        assert after["userAccounts"][1]["linuxUserConfiguration"]["uid"] == 2001
        machines = "virtualMachineConfiguration"
        assert after[machines]["dataDisks"] == before[machines]["dataDisks"]
        assert len(after[machines]["dataDisks"]) == 2


def test_lab_keeps_nothing_when_there_is_nothing(desk: Desk) -> None:
    desk.post("/jobs", {"id": "j", "poolInfo": {"poolId": "p"}})
    assert kept(desk) == []


def test_kept_properties_do_not_keep_their_lab_alive() -> None:
    desk = Desk()
    desk.post("/pools", POOL | DISKS)
    assert kept(desk)
    connection = weakref.ref(desk.lab._connection)
    desk.lab.close()
    del desk
    gc.collect()
    assert connection() is None
