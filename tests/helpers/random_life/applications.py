"""Applications and certificates in a random life: added, referenced, replaced, deleted."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from batchlab.core.messages import inputs
from batchlab.core.model import ApplicationPackageReference, CertificateReference, TaskSpec
from helpers.random_life.schedules import WithSchedules
from helpers.random_life.strategies import JOBS, POOLS, TASKS

APPLICATIONS = st.sampled_from(["app", "APP", "tool"])
VERSIONS = st.sampled_from(["1", "2"])
VERBS = st.sampled_from(["create", "create", "update", "package", "package", "drop", "end"])
THUMBPRINTS = st.sampled_from(["a" * 40, "B" * 40])
PACKAGES = st.lists(
    st.builds(
        ApplicationPackageReference, application_id=st.sampled_from(["app", "Tool"]),
        version=st.sampled_from([None, "1", "2"]),
    ),
    max_size=2, unique_by=lambda reference: (reference.application_id, reference.version),
).map(tuple)  # fmt: skip
CERTIFICATES = st.lists(
    st.builds(CertificateReference, thumbprint=THUMBPRINTS),
    max_size=2, unique_by=lambda reference: reference.thumbprint,
).map(tuple)  # fmt: skip


class WithApplications(WithSchedules):
    """A life with application packages and certificates."""

    @rule(verb=VERBS, application=APPLICATIONS, version=VERSIONS,
          default=st.sampled_from([None, "", "1", "2"]), updates=st.booleans())  # fmt: skip
    def application(
        self, verb: str, application: str, version: str, default: str | None, updates: bool
    ) -> None:
        which: Any = {"application_id": application}
        if verb == "create":
            self.feed(inputs.CreateApplication(**which, allow_updates=updates))
        elif verb == "update":
            request = inputs.UpdateApplication(
                **which, allow_updates=updates, default_version=default
            )
            self.feed(request)
        elif verb == "package":
            self.feed(
                inputs.CreateApplicationPackage(
                    **which, version=version, location="l", digest="d", content_length=1
                )
            )
        elif verb == "drop":
            self.feed(inputs.DeleteApplicationPackage(**which, version=version))
        else:
            self.feed(inputs.DeleteApplication(**which))

    @rule(verb=st.sampled_from(["create", "create", "delete", "cancel"]), thumbprint=THUMBPRINTS)
    def certificate(self, verb: str, thumbprint: str) -> None:
        if verb == "create":
            request = inputs.CreateCertificate(thumbprint=thumbprint, certificate_format="cer")
            self.feed(request)
        elif verb == "delete":
            self.feed(inputs.DeleteCertificate(thumbprint=thumbprint))
        else:
            self.feed(inputs.CancelCertificateDeletion(thumbprint=thumbprint))

    @rule(pool=POOLS, packages=st.none() | PACKAGES, certificates=st.none() | CERTIFICATES)
    def equip_pool(self, pool: str, packages: Any, certificates: Any) -> None:
        self.feed(
            inputs.UpdatePool(
                pool_id=pool,
                application_package_references=packages,
                certificate_references=certificates,
            )
        )

    @rule(job=JOBS, task=TASKS, packages=PACKAGES)
    def create_equipped_task(self, job: str, task: str, packages: Any) -> None:
        spec = TaskSpec(id=task, command_line="x", application_package_references=packages)
        self.feed(inputs.CreateTasks(job_id=job, specs=(spec,)))

    def leave_nothing(self) -> None:
        """Applications go with their packages, certificates with all that had them."""
        super().leave_nothing()
        for application in list(self.core.state.applications.values()):
            which: Any = {"application_id": application.id}
            self.feed(inputs.UpdateApplication(**which, allow_updates=True))
            for version in list(application.packages):
                self.feed(inputs.DeleteApplicationPackage(**which, version=version))
            self.feed(inputs.DeleteApplication(**which))
        for thumbprint in list(self.core.state.certificates):
            self.feed(inputs.DeleteCertificate(thumbprint=thumbprint))
        self.drain()
        assert not self.core.state.applications
        assert not self.core.state.certificates
