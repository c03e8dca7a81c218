"""What a node does on behalf of a user, with whose rights, and that all of it ends."""

import os
import subprocess
import sys
import threading
import zipfile

import fsspec
import pytest
from distributed import LocalCluster

import batchlab as bl
from batchlab.drivers.dask import resources, users, watchdog
from helpers.dask_labs import sleepers
from helpers.node_users import ADMIN, OWN, SOON, as_root, done, node_root, pool_of, sh
from helpers.waiting import until


@pytest.fixture
def lab(place):
    with bl.Lab(isolate_users=True, root=place) as lab:
        yield lab


# -- what the node does for them ------------------------------------------------------------------


@as_root
def test_files_are_fetched_and_uploaded_with_the_rights_of_the_user(lab, place):
    (place / "open").write_text("open")
    (place / "closed").write_text("closed")
    (place / "closed").chmod(0o600)
    job = lab.create_job("j", pool_of(lab))
    files = [bl.ResourceFile(http_url=str(place / "open"), file_path="in/open", file_mode="0640")]
    output = bl.OutputFile(
        file_pattern="*.out", destination=lab.storage.create_container("results")
    )
    fetched, linked, closed = done(
        job,
        (sh("stat -c %u:%a in/open; id -u; echo result > a.out"), OWN,
         {"resource_files": files, "output_files": [output]}),
        (sh("ln -s /etc/shadow b.out"), OWN, {"output_files": [output]}),
        ("true", None, {"resource_files": [str(place / "closed")]}),
    )  # fmt: skip
    owner, uid = fetched.stdout.split()
    assert owner == f"{uid}:640"
    assert lab.storage["results"].read("a.out") == b"result\n"
    assert linked.failure_info is not None
    assert [blob.name for blob in lab.storage["results"].list()] == ["a.out"]
    assert closed.failure_info.code == "BlobAccessDenied"


_HIDDEN = """
from fsspec.implementations.local import LocalFileSystem

class Hidden(LocalFileSystem):
    @classmethod
    def _strip_protocol(cls, path):
        return path.removeprefix("hidden://")
"""


@as_root
def test_library_that_opens_a_file_need_not_be_readable_to_the_user(place, monkeypatch):
    library = place / "library"
    library.mkdir(mode=0o700)
    (library / "hidden_files.py").write_text(_HIDDEN)
    monkeypatch.syspath_prepend(library)
    fsspec.register_implementation("hidden", "hidden_files.Hidden")
    (place / "open").write_text("open")
    wd = place / "wd"
    wd.mkdir()
    wd.chmod(0o777)
    owner = users.Owner(name="x", uid=40_001, gid=40_001)
    file = bl.ResourceFile(http_url=f"hidden://{place}/open", file_path="f")
    resources.fetch([file], str(wd), owner=owner)
    assert ((wd / "f").read_text(), (wd / "f").stat().st_uid) == ("open", 40_001)


@as_root
def test_packages_are_for_all_users_and_certificates_for_the_runs_own(lab, tmp_path):
    archive = tmp_path / "tool.zip"
    with zipfile.ZipFile(archive, "w") as file:
        entry = zipfile.ZipInfo("bin/tool")
        entry.external_attr = 0o100700 << 16
        file.writestr(entry, "#!/bin/sh\nid -u\n")
    lab.create_application("tool").create_package("1", archive)
    reference = bl.ApplicationPackageReference(application_id="tool", version="1")
    job = lab.create_job("j", pool_of(lab))
    command = sh("$AZ_BATCH_APP_PACKAGE_tool_1/bin/tool; stat -c %u $AZ_BATCH_CERTIFICATES_DIR")
    options = {"application_package_references": [reference]}
    first, second = done(job, (command, None, options), (command, OWN, options))
    for task in (first, second):
        assert task.exit_code == 0, task.stderr
        uid, certificates = task.stdout.split()
        assert int(uid) > 0
        assert certificates == "0"
    assert first.stdout != second.stdout


@as_root
def test_resource_file_follows_no_link_that_its_user_may_not(lab, place):
    (place / "in").write_text("new")
    job = lab.create_job("j", pool_of(lab), constraints=bl.JobConstraints(max_task_retry_count=1))
    victim = place / "victim"
    victim.mkdir(mode=0o700)
    trick = sh(f"rm -rf d; ln -s {victim} d; exit 1")
    file = bl.ResourceFile(http_url=str(place / "in"), file_path="d/f")
    (task,) = done(job, (trick, None, {"resource_files": [file]}))
    assert task.failure_info is not None
    assert list(victim.iterdir()) == []


@as_root
def test_thread_that_acts_as_a_user_does_so_alone_and_only_meanwhile(place):
    number = users.RANGES[0][0] + 5
    (place / "f").write_text("x")
    (place / "f").chmod(0o600)
    owner = users.Owner(name="x", uid=number, gid=number)
    started, seen = threading.Event(), []

    def other():
        started.wait(10)
        seen.append((place / "f").read_text())

    thread = threading.Thread(target=other)
    thread.start()
    groups = os.getgroups()
    with owner.acting():
        with pytest.raises(PermissionError):
            (place / "f").read_text()
        assert os.getgroups() == []
        started.set()
        thread.join()
    assert seen == ["x"]
    assert (place / "f").read_text() == "x"
    assert os.getgroups() == groups


# -- the end --------------------------------------------------------------------------------------


@as_root
def test_processes_of_a_user_end_with_their_run_wherever_they_hide(lab):
    job = lab.create_job("j", pool_of(lab, task_slots_per_node=4))
    hide = sh("setsid env -i sleep 7331 & sleep 7331")
    others = job.create_task("other", "sleep 7332", user_identity=OWN)
    task = job.create_task("t", hide, user_identity=OWN)
    until(lambda: len(sleepers(7331)) == 2)
    until(lambda: sleepers(7332))
    task.terminate()
    task.wait(timeout=SOON)
    until(lambda: sleepers(7331) == [])
    assert len(sleepers(7332)) == 1
    assert others.state == "running"


@as_root
def test_lab_closed_leaves_no_process_and_no_folder_of_any_user(place):
    with bl.Lab(isolate_users=True, root=place) as lab:
        job = lab.create_job("j", pool_of(lab, task_slots_per_node=4))
        hide = sh("setsid env -i sleep 7333 & sleep 7333")
        for number, identity in enumerate((None, OWN, ADMIN)):
            job.create_task(f"t{number}", hide, user_identity=identity)
        until(lambda: len(sleepers(7333)) == 6)
        root = str(node_root(place))
        assert len(watchdog.users_below(root)) == 3  # the group, the auto user, a task's own
    until(lambda: len(sleepers(7333)) <= 1)  # what root's own task has hidden, as without users
    for pid in sleepers(7333):
        os.kill(pid, 9)
    assert list(place.iterdir()) == []


_KILLED = """
import os, sys, time, batchlab as bl
lab = bl.Lab(isolate_users=True, root=sys.argv[1])
pool = lab.create_pool("p", target_dedicated_nodes=1)
job = lab.create_job("j", pool)
task = job.create_task("t", "/bin/sh -c 'setsid env -i sleep 7334 & sleep 7334'")
task.wait("running")
print("up", flush=True)
time.sleep(60)
"""


@as_root
def test_process_of_a_lab_killed_leaves_no_process_of_any_user(place):
    process = subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(place)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "up\n"
    until(lambda: len(sleepers(7334)) == 2)
    process.kill()
    process.wait()
    process.stdout.close()
    until(lambda: sleepers(7334) == [])
    until(lambda: list(place.iterdir()) == [])


def test_removing_the_folder_of_a_lab_leaves_the_one_that_it_was_given(tmp_path):
    given = tmp_path / "batchlab-data"
    folder = given / "batchlab-1"
    folder.mkdir(parents=True)
    watchdog.clear_away(str(folder))
    assert list(given.iterdir()) == []


@as_root
def test_numbers_are_taken_once_and_free_when_their_folder_is_gone(place):
    folders = [place / str(number) for number in range(3)]
    for folder in folders:
        folder.mkdir()
    taken = [users._take(str(folder), "x") for folder in folders]
    assert len(set(taken)) == 3
    assert [users._take(str(folder), "x") for folder in folders] == taken
    assert watchdog.users_below(str(place)) == set(taken)
    folders[0].rmdir()
    assert users._take(str(folders[1]), "y") not in taken
    assert watchdog.users_below(str(place)) >= set(taken[1:])
    assert taken[0] not in watchdog.users_below(str(place))


# -- where it is not available --------------------------------------------------------------------


def test_isolation_without_root_is_refused_with_the_reason(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(bl.Conflict, match=r"requires root, but .* runs as user 1000") as refused:
        bl.Lab(isolate_users=True)
    assert refused.value.code == "OperationInvalidForCurrentState"
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, processes=False,
                     dashboard_address=":0") as cluster,
        bl.Lab(cluster, isolate_users=True) as lab,  # another worker may be able to
    ):  # fmt: skip
        pool = lab.create_pool("p", target_dedicated_nodes=1)
        until(lambda: any("requires root" in text for text in pool.explain()))
        assert pool.nodes.filter(state="idle").ids() == []
        lab.shutdown()


@as_root
def test_isolation_in_a_folder_that_users_cannot_enter_is_refused(tmp_path):
    tmp_path.chmod(0o700)
    with pytest.raises(bl.Conflict, match="only its owner can enter"):
        bl.Lab(isolate_users=True, root=tmp_path)
