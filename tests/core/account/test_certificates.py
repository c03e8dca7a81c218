"""Certificates: added, referenced, and deleted only when nobody has them."""

from __future__ import annotations

from typing import Any

import pytest

from batchlab.core.messages import inputs, questions
from batchlab.core.messages.outputs import RestartNode, StartNode
from batchlab.core.model import AutoPoolSpecification, CertificateReference, PoolSpec
from batchlab.core.model.values import DeleteCertificateError
from helpers.world import World

THUMB = "ab" * 20
OTHER = "cd" * 20
HELD = (CertificateReference(thumbprint=THUMB),)


def add(world: World, thumbprint: str = THUMB) -> None:
    world.feed(inputs.CreateCertificate(thumbprint=thumbprint, certificate_format="pfx"))


def delete(world: World) -> None:
    world.feed(inputs.DeleteCertificate(thumbprint=THUMB))


def seen(world: World) -> Any:
    return world.ask(questions.GetCertificate(thumbprint=THUMB))


@pytest.mark.code("CertificateNotFound", "CertificateExists")
def test_certificate_is_known_by_its_thumbprint_in_any_writing(world: World) -> None:
    add(world, "AB:" * 19 + "ab")
    assert world.ask(questions.GetCertificate(thumbprint="Ab " * 20)).thumbprint == THUMB
    again = inputs.CreateCertificate(thumbprint=THUMB, certificate_format="cer")
    assert (world.refused(again).code, world.refused(again).status) == ("CertificateExists", 409)
    wrong = inputs.CreateCertificate(thumbprint="abc", certificate_format="cer")
    assert world.refused(wrong).code == "InvalidPropertyValue"
    missing = inputs.DeleteCertificate(thumbprint=OTHER)
    assert world.refused(missing).code == "CertificateNotFound"
    world.nothing_else()


def test_certificate_wait_for_deleted_knows_it_in_any_writing(world: World) -> None:
    add(world)
    gone = questions.CertificateIs(thumbprint="AB:" * 19 + "ab", state="deleted")
    assert not world.core.met(gone)
    delete(world)
    assert not world.core.met(gone)
    world.later(1)
    assert world.core.met(gone)
    assert world.told() == [("ForgetCertificate", THUMB)]


@pytest.mark.code("CertificateBeingDeleted")
def test_certificate_that_nobody_has_is_gone_in_a_moment(world: World) -> None:
    add(world)
    delete(world)
    assert (seen(world).state, seen(world).previous_state) == ("deleting", "active")
    for request in (
        inputs.DeleteCertificate(thumbprint=THUMB),
        inputs.CancelCertificateDeletion(thumbprint=THUMB),
        inputs.CreateCertificate(thumbprint=THUMB, certificate_format="cer"),
    ):
        assert world.refused(request).code == "CertificateBeingDeleted"
    world.later(1)
    assert world.told() == [("ForgetCertificate", THUMB)]
    assert world.ask(questions.ListCertificates()) == []
    add(world)


@pytest.mark.rule(102)
@pytest.mark.code("CertificateDeleteFailed", "CertificateStateActive")
def test_certificate_of_a_pool_fails_to_be_deleted_and_may_be_kept(world: World) -> None:
    add(world)
    keep = inputs.CancelCertificateDeletion(thumbprint=THUMB)
    assert (world.refused(keep).code, world.refused(keep).status) == (
        "CertificateStateActive",
        409,
    )
    world.pool(nodes=0, certificate_references=HELD)
    delete(world)
    world.later(1)
    world.nothing_else()
    view = seen(world)
    assert view.state == "deletefailed"
    assert view.delete_certificate_error == DeleteCertificateError(
        code="CertificateDeleteFailed",
        message="The certificate is in use (pools: 1, nodes: 0)",
        values={"PoolIds": "p"},
    )
    spec = PoolSpec(id="q", certificate_references=HELD)
    assert world.refused(inputs.CreatePool(spec=spec)).code == "InvalidCertificateReferences"
    world.feed(keep)
    assert (seen(world).state, seen(world).previous_state) == ("active", "deletefailed")
    assert seen(world).delete_certificate_error is None
    world.feed(inputs.CreatePool(spec=spec))
    world.nothing_else()


def test_certificate_stays_while_a_node_was_started_with_it(world: World) -> None:
    add(world)
    (node,) = world.pool(certificate_references=HELD)
    world.feed(inputs.UpdatePool(pool_id="p", certificate_references=()))
    delete(world)
    world.later(1)
    assert seen(world).delete_certificate_error.values == {"NodeIds": node}
    world.feed(inputs.RebootNode(pool_id="p", node_id=node))
    (reboot,) = world.said()
    assert reboot == RestartNode(pool_id="p", node_id=node, boot=2)
    delete(world)  # asked for again
    world.later(1)
    assert world.told() == [("ForgetCertificate", THUMB)]


def test_nodes_are_told_their_certificates_when_they_start(world: World) -> None:
    add(world)
    add(world, OTHER)
    spec = PoolSpec(id="p", target_low_priority_nodes=1, certificate_references=HELD)
    world.feed(inputs.CreatePool(spec=spec))
    (start,) = world.said()
    assert isinstance(start, StartNode)
    assert start.certificate_references == HELD
    node = start.node_id
    world.allocated(node)
    world.started(node)
    both = (*HELD, CertificateReference(thumbprint=OTHER, visibility=["task"]))
    world.feed(inputs.UpdatePool(pool_id="p", certificate_references=both))
    assert world.nodes()[0].certificate_references == HELD
    world.lost(node)
    (again,) = world.said()
    assert isinstance(again, StartNode)
    assert again.certificate_references == both == world.nodes()[0].certificate_references
    world.allocated(node, 2)
    world.started(node, 2)
    world.feed(inputs.PreemptNode(pool_id="p", node_id=node))
    assert world.nodes()[0].certificate_references == ()  # its data is lost
    assert len(world.said()) == 1


@pytest.mark.code("InvalidCertificatesInAutoPool")
def test_auto_pool_with_a_certificate_that_is_not_there_is_not_made(world: World) -> None:
    auto = AutoPoolSpecification(
        pool=PoolSpec(certificate_references=[THUMB]), pool_lifetime_option="job"
    )
    world.job(pool=auto)  # type: ignore[arg-type]
    view = world.ask(questions.GetJob(job_id="j"))
    assert view.scheduling_error.code == "InvalidCertificatesInAutoPool"
    assert world.core.state.pools == {}


def test_wait_for_a_certificate_ends_or_says_why_not(world: World) -> None:
    add(world)
    gone = questions.CertificateIs(thumbprint=THUMB, state="deleted")
    (reason,) = world.core.hopeless(gone)
    assert (reason.code, reason.lasting) == ("NothingUnderWay", True)
    delete(world)
    assert world.core.hopeless(gone) == []
    assert not world.core.met(gone)
    world.later(1)
    assert world.core.met(gone)
    assert world.told() == [("ForgetCertificate", THUMB)]
