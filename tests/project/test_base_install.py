"""The package without any extra: all that a node and the command line need, and no Jupyter."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from helpers.dask_commands import Commands
from helpers.environments import NotMade, environment, install

pytestmark = pytest.mark.timeout(400)

ROOT = Path(__file__).parents[2]
HEAVY = {"anywidget", "ipykernel", "ipython", "ipywidgets", "jupyterlab", "notebook", "pillow"}

WORK = """
import json, os, sys
import batchlab as bl

address, folder = sys.argv[1:]
if address:
    from distributed import Client
    with Client(address) as client:
        client.wait_for_workers(2, timeout=60)
with bl.Lab(address or None) as lab:
    pool = lab.create_pool("render", target_dedicated_nodes=1)
    job = lab.create_job("frames", pool, job_preparation_task="/bin/sh -c 'echo prepared'")
    job.create_tasks([f"/bin/sh -c 'echo frame {n}'" for n in range(3)])
    job.tasks.wait(progress=True)
    (node,) = pool.nodes.values()
    shown = [lab, pool, node, job, job.tasks, job.tasks["task001"], job.preparations, lab.watch(),
             lab.cost, lab.report(), pool.auto_scale_lab()]
    bundles = {type(one).__name__: one._repr_mimebundle_() for one in shown}
    os.environ["BATCHLAB_STATIC"] = "1"
    stored = lab._repr_mimebundle_()
    refused = []
    for ask in (job.tasks.to_frame, lab.report().save, lab.serve().client):
        try:
            ask(*[folder] * (ask.__name__ == "save"))
        except bl.BatchError as error:
            refused.append(str(error))
    print(json.dumps({
        "counts": repr(job.tasks), "kinds": {name: sorted(one) for name, one in bundles.items()},
        "prepared": [
            row.job_preparation_task_execution_info.result for row in job.preparations
        ], "refused": refused,
        "stored": stored["text/html"], "stored page": lab._repr_html_(),
    }))
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the package and no extra."""
    try:
        python = environment(tmp_path_factory.mktemp("base"))
        install(python, "--editable", str(ROOT))
    except NotMade as error:
        pytest.skip(f"the package could not be installed here: {error}")
    return python


def run(*command: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stdout[-2000:] + done.stderr[-4000:]
    return done


def test_jupyter_is_not_installed(base: Path) -> None:
    code = "import importlib.metadata as m; print(*(d.name for d in m.distributions()))"
    installed = {name.lower() for name in run(base, "-c", code).stdout.split()}
    assert {"batchlab", "distributed", "msgspec"} <= installed
    assert not installed & HEAVY


@pytest.mark.parametrize(
    "where", ["cluster of its own", pytest.param("dask worker", marks=pytest.mark.ci("clusters"))]
)
def test_lab_runs_and_shows_what_it_holds(base: Path, tmp_path: Path, where: str) -> None:
    if where == "dask worker":
        cluster = Commands(tmp_path, base)
        try:
            done = run(base, "-c", WORK, cluster.address, str(tmp_path / "report.html"))
        finally:
            cluster.close()
    else:
        done = run(base, "-c", WORK, "", str(tmp_path / "report.html"))
    said = json.loads(done.stdout)
    assert said["counts"] == "3 tasks: 3 completed"
    assert said["prepared"] == ["success"]
    assert len(said["kinds"]) == 10
    assert set(map(tuple, said["kinds"].values())) == {("text/html", "text/plain")}
    assert said["refused"] == [
        'A DataFrame needs pandas, which is not installed: pip install "batchlab[pandas]"',
        'A figure needs plotly, which is not installed: pip install "batchlab[plotly]"',
        'A client needs azure-batch 15, which is not installed: pip install "batchlab[sdk]"',
    ]
    for html in (said["stored"], said["stored page"]):
        assert "Pictures need Pillow: pip install &#34;batchlab[notebook]&#34;" in html


def test_command_line_works(base: Path, tmp_path: Path) -> None:
    batchlab = base.parent / "batchlab"
    assert run(batchlab, "demo", "--yes").stdout.endswith("Sample complete.\n")
    assert "tasks" in run(batchlab, "simulate", "pending_tasks", "--days", "0.1").stdout
    assert "\n13  From lab to Azure\n" in run(batchlab, "lab", "--list").stdout
    refused = run(batchlab, "lab", code=1)
    assert refused.stderr == (
        'batchlab: The lessons need JupyterLab: pip install "batchlab[notebook]"\n'
    )


def test_endpoint_is_served(base: Path) -> None:
    command = [base.parent / "batchlab", "serve", "--simulated"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        first = next(line for line in serving.stdout if line.strip())
        assert first.startswith("Endpoint: http://127.0.0.1:")
        serving.terminate()
        assert serving.stdout.read().endswith("Stopped.\n")
    assert serving.returncode == 0
