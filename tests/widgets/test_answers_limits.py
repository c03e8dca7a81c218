"""What a browser may ask for has an end."""

from __future__ import annotations

import pytest

import batchlab as bl
from batchlab.drivers.simulated.node_files import SimulatedFiles
from batchlab.widgets.answers import answer


@pytest.mark.code("InvalidRange")
def test_download_of_a_huge_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    block = bytes(16 * 2**20)
    monkeypatch.setattr(SimulatedFiles, "read", lambda *_: block)  # a file without an end
    with bl.SimulatedLab(boot="1s") as lab:
        lab.create_pool("p", target_dedicated_nodes=1)
        lab.create_job("j", "p").create_task("t", "/bin/sh -c 'exit 0'").wait()
        question = {"what": "download", "job": "j", "task": "t", "path": "stdout.txt"}
        with pytest.raises(bl.BatchError) as refused:
            answer(lab._connection, question)
        assert refused.value.code == "InvalidRange"
        assert "files.download()" in refused.value.message
