"""Who tasks run as, where a lab only writes that down; and whose lab it is."""

import pytest

import batchlab as bl
from helpers.stories import SHARED, SOON, only, pool_of, sh

ADMIN = bl.AutoUserSpecification(elevation_level="admin")


@pytest.mark.processes
def test_elevation_is_recorded_and_said_not_to_be_enforced(lab):
    ann = bl.UserAccount(name="ann", password="secret")
    pool = pool_of(lab, user_accounts=[ann])
    job = lab.create_job("j", pool)
    plain = job.create_task("plain", "true")
    tasks = [
        job.create_task("admin", "true", user_identity=ADMIN),
        job.create_task("ann", "true", user_identity="ann"),
    ]
    job.tasks.wait(timeout=SOON)
    assert plain.explain().codes == []
    for task in tasks:
        assert task.exit_code == 0
        assert task.explain().codes == ["UserIdentity"]
        assert "recorded but not enforced" in str(task.explain())
    assert tasks[0].user_identity.auto_user == ADMIN
    assert tasks[1].user_identity.username == "ann"
    assert "secret" not in repr(pool.user_accounts)


def test_user_that_the_pool_has_not_fails_the_task_before_it_begins(lab):
    job = lab.create_job("j", "p", job_preparation_task=sh(f"echo prepared > {SHARED}/x"))
    task = job.create_task(
        "t", sh(f"echo ran > {SHARED}/x"), user_identity="bob",
        exit_conditions=bl.ExitConditions(
            pre_processing_error=bl.ExitOptions(dependency_action="satisfy")
        ),
    )  # fmt: skip
    pool = pool_of(lab)
    task.wait(timeout=SOON)
    assert (task.result, task.exit_code) == ("failure", None)
    assert task.failure_info.code == "NodeUserNotFound"
    assert "'bob'" in dict(task.failure_info.details)["Message"]
    assert only(pool.nodes.values()).files.text("shared/x") == "prepared\n"
    later = job.create_task("u", "true", user_identity="bob")
    later.wait(timeout=SOON)
    assert later.failure_info.code == "NodeUserNotFound"
    assert "has no user 'bob'" in str(later.explain())


@pytest.mark.processes
def test_start_task_of_a_user_that_the_pool_lacks_puts_the_node_out_of_service(lab):
    start = bl.StartTask(command_line="true", user_identity="bob")
    pool = lab.create_pool("p", target_dedicated_nodes=1, start_task=start)
    pool.nodes.wait("starttaskfailed", timeout=SOON)
    info = only(pool.nodes.values()).start_task_info
    assert (info.exit_code, info.failure_info.code) == (None, "NodeUserNotFound")
    assert "has no user 'bob'" in str(pool.explain())


@pytest.mark.settings(account="contoso")
@pytest.mark.processes
def test_account_is_what_its_tasks_see(lab):
    job = lab.create_job("j", pool_of(lab))
    names = "$AZ_BATCH_ACCOUNT_NAME $WATASK_ACCOUNT_NAME $AZ_BATCH_ACCOUNT_URL"
    task = job.create_task("t", sh(f"echo {names}"))
    task.wait(timeout=SOON)
    assert task.stdout.split() == [
        "contoso", "contoso", "https://contoso.local.batch.azure.com",
    ]  # fmt: skip
    assert lab.account == "contoso"
