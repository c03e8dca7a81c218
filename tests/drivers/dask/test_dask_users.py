"""Users that are real: who runs what, what they see, and that all of it ends."""

import os
import stat
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import fsspec
import pytest
from dask_help import sleepers, until
from distributed import LocalCluster

import batchlab as bl
from batchlab.drivers.dask import janitor, resources, users

SOON = 60
ADMIN = bl.AutoUserSpecification(elevation_level="admin")
OWN = bl.AutoUserSpecification(scope="task")
OWN_ADMIN = bl.AutoUserSpecification(scope="task", elevation_level="admin")
ROOT = os.geteuid() == 0 and users.obstacle("/tmp/batchlab-test") is None
as_root = pytest.mark.skipif(not ROOT, reason="needs root, and user numbers to spare")


@pytest.fixture
def place(tmp_path):
    """A folder that every user can enter: pytest's own lets in nobody but root."""
    path = Path(f"/tmp/batchlab-users-{os.getpid()}-{tmp_path.name[-20:]}")
    path.mkdir(mode=0o755)
    path.chmod(0o755)
    yield path
    janitor.remove_tree(str(path))


@pytest.fixture
def lab(place):
    with bl.Lab(isolate_users=True, root=place) as lab:
        yield lab


def sh(script):
    return f"/bin/sh -c '{script}'"


def pool_of(lab, **options):
    pool = lab.create_pool("p", target_dedicated_nodes=1, **options)
    pool.wait("steady", timeout=SOON)
    return pool


def done(job, *tasks):
    """Run tasks of these ids, commands and identities one after the other."""
    made = []
    for command, identity, *options in tasks:
        name = f"t{len(job.tasks) + 1}"
        task = job.create_task(name, command, user_identity=identity, **dict(*options))
        task.wait(timeout=SOON)
        made.append(task)
    return made


def node_root(place):
    (root,) = [path for path in place.glob("batchlab-*/[!.]*") if path.is_dir()]
    return root


# -- who runs -------------------------------------------------------------------------------------


@as_root
def test_run_is_the_user_that_its_identity_names(lab):
    ann = bl.UserAccount(name="ann", password="x")
    bob = bl.UserAccount(name="bob", password="x", elevation_level="admin")
    job = lab.create_job("j", pool_of(lab, user_accounts=[ann, bob]))
    who = sh("id -u; id -g; id -G; echo $USER; echo $HOME; pwd")
    ids = {}
    for name, identity in {
        "pool": None, "again": bl.AutoUserSpecification(), "own": OWN, "own2": OWN,
        "ann": "ann", "admin": ADMIN, "bob": "bob",
    }.items():  # fmt: skip
        (task,) = done(job, (who, identity))
        assert task.exit_code == 0, task.stderr
        uid, gid, groups, user, home, wd = task.stdout.splitlines()
        ids[name] = (int(uid), int(gid), groups)
        if name not in ("admin", "bob"):
            assert home == wd
            assert user == ("ann" if name == "ann" else "_azbatch")
    assert ids["pool"] == ids["again"]
    uid, gid, groups = ids["pool"]
    assert uid > 0
    assert groups == str(gid)
    assert ids["admin"][0] == ids["bob"][0] == 0
    numbers = [ids[name][0] for name in ("pool", "own", "own2", "ann")]
    assert len(set(numbers)) == 4
    assert ids["own"][2].split() == [str(ids["own"][0]), str(gid)]
    assert ids["ann"][1:] == (gid, str(gid))


@as_root
def test_program_that_only_root_may_reach_is_said_to_be_so(lab, tmp_path):
    tmp_path.chmod(0o700)
    program = tmp_path / "mine"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    job = lab.create_job("j", pool_of(lab))
    plain, elevated = done(job, (str(program), None), (str(program), ADMIN))
    assert (plain.exit_code, plain.failure_info.code) == (None, "CommandLaunchFailed")
    assert "only root may" in plain.failure_info.details["Message"]
    assert elevated.exit_code == 0


@as_root
def test_nodes_that_are_processes_isolate_users_too(place):
    with bl.Lab(isolate_users=True, root=place, processes=True) as lab:
        job = lab.create_job("j", pool_of(lab))
        plain, own, admin = done(
            job, (sh("id -u; cat $AZ_BATCH_NODE_ROOT_DIR/../.dask/x"), None),
            (sh("id -u; ls $AZ_BATCH_NODE_ROOT_DIR/../.dask"), OWN), (sh("id -u"), ADMIN),
        )  # fmt: skip
        assert 0 < int(plain.stdout) != int(own.stdout) > 0
        assert admin.stdout == "0\n"
        for task in (plain, own):
            assert "Permission denied" in task.stderr
    until(lambda: list(place.iterdir()) == [])


@as_root
def test_start_preparation_release_and_manager_run_as_who_they_say(lab):
    log = "$AZ_BATCH_NODE_SHARED_DIR"
    start = bl.StartTask(
        command_line=sh(f"id -u > {log}/start; chmod 644 {log}/start"), user_identity=ADMIN
    )
    pool = pool_of(lab, start_task=start)
    job = lab.create_job(
        "j", pool,
        job_preparation_task=bl.JobPreparationTask(command_line=sh(f"id -u > {log}/prep")),
        job_release_task=bl.JobReleaseTask(
            command_line=sh(f"id -u > {log}/release"), user_identity=ADMIN
        ),
        job_manager_task=bl.JobManagerTask(
            id="m", command_line=sh(f"id -u > {log}/manager"), user_identity=OWN,
            kill_job_on_completion=False,
        ),
    )  # fmt: skip
    job.tasks["m"].wait(timeout=SOON)
    job.terminate()
    job.wait("completed", timeout=SOON)
    (node,) = pool.nodes.values()
    uid = {
        name: int(node.files.text(f"shared/{name}"))
        for name in ("start", "prep", "release", "manager")
    }
    assert (uid["start"], uid["release"]) == (0, 0)
    assert 0 < uid["prep"] != uid["manager"] > 0


@as_root
def test_run_inherits_nothing_of_roots_but_what_it_needs(lab):
    job = lab.create_job("j", pool_of(lab))
    secret = os.open("/etc/shadow", os.O_RDONLY)
    os.set_inheritable(secret, True)
    try:
        (task,) = done(job, (sh("ls /proc/self/fd; env"), None))
    finally:
        os.close(secret)
    descriptors = [line for line in task.stdout.splitlines() if line.isdigit()]
    environment = dict(line.split("=", 1) for line in task.stdout.splitlines() if "=" in line)
    assert len(descriptors) == 4  # in, out, err, and the listing's own
    foreign = {
        name for name in environment
        if not name.startswith(("AZ_BATCH_", "WATASK_", "LC_")) and name not in users.KEPT
    }  # fmt: skip
    assert foreign <= {"HOME", "USER", "LOGNAME", "PWD"}
    assert environment["PATH"] == os.environ["PATH"]


@as_root
def test_elevated_task_may_reach_its_lab_and_another_may_not(lab, monkeypatch):
    job = lab.create_job("j", pool_of(lab))
    ask = f'{sys.executable} -c "import batchlab as bl; print(*bl.Lab.current().pools)"'
    common = {"environment_settings": {"PYTHONPATH": os.pathsep.join(sys.path)}}
    admin, other = done(job, (ask, ADMIN, common), (sh("echo [$BATCHLAB_SERVICE]"), None))
    assert admin.stdout == "p\n", admin.stderr
    assert other.stdout == "[]\n"
    monkeypatch.setenv("AZ_BATCH_NODE_ID", "tvm-1")
    monkeypatch.delenv("BATCHLAB_SERVICE", raising=False)
    with pytest.raises(bl.Conflict, match="is for elevated tasks"):
        bl.Lab.current()


# -- what they see --------------------------------------------------------------------------------


@as_root
def test_folders_of_a_node_belong_to_root_and_their_users(lab, place):
    job = lab.create_job("j", pool_of(lab), job_preparation_task="true")
    done(job, ("true", None), ("true", OWN), ("true", ADMIN))
    root = node_root(place)

    def facts(path):
        status = (root / path).lstat()
        return status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)

    group = facts("")[1]
    auto = facts("workitems/j/job-1/t1/wd")[0]
    plain, private, admin = "t1", "t2", "t3"
    assert facts("") == facts("workitems") == facts("startup") == (0, group, 0o750)
    assert facts("shared") == (0, group, 0o3770)
    assert facts("volatile")[2] == 0o700
    assert facts(f"workitems/j/job-1/{plain}") == (0, group, 0o750)
    assert facts(f"workitems/j/job-1/{plain}/wd") == (auto, group, 0o750)
    assert facts(f"workitems/j/job-1/{plain}/stdout.txt")[:2] == (auto, group)
    number = facts(f"workitems/j/job-1/{private}/wd")[0]
    assert facts(f"workitems/j/job-1/{private}") == (0, number, 0o750)
    assert facts(f"workitems/j/job-1/{private}/wd") == (number, number, 0o750)
    assert facts(f"workitems/j/job-1/{admin}/wd") == (0, group, 0o750)
    assert stat.S_IMODE(root.parent.lstat().st_mode) == 0o711
    assert stat.S_IMODE((root.parent / "journal.jsonl").lstat().st_mode) == 0o600
    for name in (".storage", ".dask"):
        assert stat.S_IMODE((root.parent / name).lstat().st_mode) == 0o700


@as_root
def test_tasks_share_what_is_shared_and_hide_what_is_private(lab):
    pool = pool_of(lab)
    job = lab.create_job("j", pool, job_preparation_task=sh("echo prepared > data"))
    share = "$AZ_BATCH_NODE_SHARED_DIR"
    first, private = done(
        job, (sh(f"echo first > {share}/first; cat $AZ_BATCH_JOB_PREP_WORKING_DIR/data"), None),
        (sh(f"echo own > mine; cat {share}/first $AZ_BATCH_JOB_PREP_WORKING_DIR/data"), OWN),
    )  # fmt: skip
    assert (first.stdout, private.stdout) == ("prepared\n", "first\nprepared\n")
    mine = f"$AZ_BATCH_NODE_ROOT_DIR/{private.task_root_directory}"
    attempts = [
        f"cat {mine}/wd/mine", f"cat {mine}/stdout.txt", f"ls {mine}",
        f"rm {share}/first", f"rm -r $AZ_BATCH_NODE_ROOT_DIR/{first.task_root_directory}",
        "ls $AZ_BATCH_NODE_ROOT_DIR/..", "cat $AZ_BATCH_NODE_ROOT_DIR/../journal.jsonl",
        "ls $AZ_BATCH_NODE_ROOT_DIR/../.storage", "cat /etc/shadow", "echo x > ../stdout.txt.new",
        "echo x > $AZ_BATCH_NODE_STARTUP_DIR/x", "ls $AZ_BATCH_NODE_ROOT_DIR/volatile",
        "kill -9 $PPID",
    ]  # fmt: skip
    for attempt in attempts:
        (thief,) = done(job, (sh(attempt), OWN))
        assert thief.exit_code != 0, attempt
        assert "ermi" in thief.stderr, (attempt, thief.stderr)  # permission, permitted
    (admin,) = done(job, (sh(f"cat {mine}/wd/mine"), ADMIN))
    assert admin.stdout == "own\n"


@as_root
@pytest.mark.parametrize("identity", [None, OWN])
def test_multi_instance_task_shares_its_directory_with_its_user(lab, identity):
    pool = pool_of(lab, enable_inter_node_communication=True)
    settings = bl.MultiInstanceSettings(
        number_of_instances=1,
        coordination_command_line=sh("id -u > $AZ_BATCH_TASK_SHARED_DIR/who; echo up"),
    )
    job = lab.create_job("j", pool)
    command = sh("id -u; cat $AZ_BATCH_TASK_SHARED_DIR/who; echo x > f")
    (task,) = done(job, (command, identity, {"multi_instance_settings": settings}))
    first, second = task.stdout.split()
    assert (task.exit_code, first) == (0, second)
    assert int(first) > 0


@as_root
def test_account_reads_nothing_of_another_account(place):
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=False,
                      dashboard_address=":0") as cluster:  # fmt: skip
        address = cluster.scheduler_address
        options = {"isolate_users": True, "root": place}
        a = bl.Lab(address, account="a", **options)
        b = bl.Lab(address, account="b", **options)
        (secret,) = done(a.create_job("j", pool_of(a)), (sh("echo secret > f; pwd"), None))
        path = secret.stdout.strip()
        job = b.create_job("j", pool_of(b))
        reader, lister = done(
            job, (sh(f"cat {path}/f"), None), (sh(f"ls {path}/../../../../.."), None)
        )
        for thief in (reader, lister):
            assert thief.exit_code != 0
            assert "Permission denied" in thief.stderr
        for source in (f"{path}/f", f"file://{path}/f"):
            file = bl.ResourceFile(http_url=source, file_path="loot")
            (thief,) = done(job, (sh("cat loot"), None, {"resource_files": [file]}))
            assert thief.failure_info.code == "BlobAccessDenied"
        (admin,) = done(job, (sh(f"cat {path}/f"), ADMIN))
        assert admin.stdout == "secret\n"
        a.shutdown()
        b.shutdown()
        a.close()
        b.close()


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
        ("true", None, {"resource_files": [bl.ResourceFile(http_url=str(place / "closed"))]}),
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
        assert len(janitor.users_below(root)) == 3  # the group, the auto user, a task's own
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
    janitor._remove(str(folder))
    assert list(given.iterdir()) == []


@as_root
def test_numbers_are_taken_once_and_free_when_their_folder_is_gone(place):
    folders = [place / str(number) for number in range(3)]
    for folder in folders:
        folder.mkdir()
    taken = [users._take(str(folder), "x") for folder in folders]
    assert len(set(taken)) == 3
    assert [users._take(str(folder), "x") for folder in folders] == taken
    assert janitor.users_below(str(place)) == set(taken)
    folders[0].rmdir()
    assert users._take(str(folders[1]), "y") not in taken
    assert janitor.users_below(str(place)) >= set(taken[1:])
    assert taken[0] not in janitor.users_below(str(place))


# -- where it cannot be had -----------------------------------------------------------------------


def test_isolation_without_root_is_refused_with_the_reason(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(bl.Conflict, match="needs root, and this runs as user 1000") as refused:
        bl.Lab(isolate_users=True)
    assert refused.value.code == "OperationInvalidForCurrentState"
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False,
                      dashboard_address=":0") as cluster:  # fmt: skip
        with pytest.raises(bl.Conflict, match=r"the worker at .*: it needs root"):
            bl.Lab(cluster, isolate_users=True)
        with bl.Lab(cluster) as lab:  # nothing was begun
            assert list(lab.pools) == []
            lab.shutdown()


@as_root
def test_isolation_in_a_folder_that_users_cannot_enter_is_refused(tmp_path):
    tmp_path.chmod(0o700)
    with pytest.raises(bl.Conflict, match="only its owner can enter"):
        bl.Lab(isolate_users=True, root=tmp_path)
