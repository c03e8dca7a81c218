"""Users that are real: who runs what, what they see, and that all of it ends."""

import os
import stat
import sys

import pytest
from distributed import LocalCluster

import batchlab as bl
from batchlab.drivers.dask import users
from helpers.node_users import ADMIN, OWN, SOON, as_root, done, node_root, pool_of, sh
from helpers.waiting import until


@pytest.fixture
def lab(place):
    with bl.Lab(isolate_users=True, root=place) as lab:
        yield lab


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
def test_user_of_a_node_is_a_user_of_the_system_until_it_is_deleted(lab):
    pool = pool_of(lab)
    pool.nodes.wait()
    (node,) = pool.nodes.values()
    node.create_user("ada")
    node.create_user("eve", is_admin=True)
    job = lab.create_job("j", pool)
    plain, ada, eve = done(job, (sh("id -u"), None), (sh("id -u; echo $USER"), "ada"),
                           (sh("id -u"), "eve"))  # fmt: skip
    number, name = ada.stdout.split()
    assert name == "ada"
    assert int(number) > 0
    assert number != plain.stdout.strip()
    assert eve.stdout == "0\n"
    node.delete_user("ada")
    (gone,) = done(job, (sh("id -u"), "ada"))
    assert gone.failure_info.code == "NodeUserNotFound"


@as_root
def test_program_that_only_root_may_reach_is_said_to_be_so(lab, tmp_path):
    tmp_path.chmod(0o700)
    program = tmp_path / "mine"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    job = lab.create_job("j", pool_of(lab))
    plain, elevated = done(job, (str(program), None), (str(program), ADMIN))
    assert (plain.exit_code, plain.failure_info.code) == (None, "CommandLaunchFailed")
    assert "only root can access it" in plain.failure_info.details["Message"]
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
    with pytest.raises(bl.Conflict, match="is for elevated tasks only"):
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
