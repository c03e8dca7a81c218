"""Which names Azure's sizes can have, and the cores that a name means."""

from __future__ import annotations

import pytest

from batchlab.core.messages import inputs
from batchlab.core.model import (
    VM_SIZES,
    AutoPoolSpecification,
    JobScheduleSpec,
    JobSpec,
    PoolInfo,
    PoolSpec,
    check_size,
    vm_cores,
)
from batchlab.errors import InvalidRequest
from helpers.world import World


@pytest.mark.parametrize(
    ("size", "cores"),
    [
        ("Standard_D4s_v3", 4), ("STANDARD_D16S_V5", 16), ("Standard_E112iads_v5", 112),
        ("Standard_NC24ads_A100_v4", 24), ("Standard_NV12ads_V710_v5", 12),
        ("Standard_ND96is_flex_MI300X_v5", 96), ("Standard_NC320ds_xl_RTXPRO6000BSE_v6", 320),
        ("Standard_E8-4s_v5", 4), ("Standard_DS11-1_v2", 1), ("Standard_HB120-16rs_v3", 16),
        ("Standard_M96ds_1_v3", 96), ("Standard_DC8as_cc_v5", 8), ("Standard_B2ts_v2", 2),
        ("Standard_NC6_Promo", 6), ("Standard_D3_v2_Promo", 4), ("Standard_FX4mds", 4),
        ("Standard_D3_v2", 4), ("Standard_DS14_v2", 16), ("Standard_A9", 16), ("a9", 16),
        ("Standard_A8_v2", 8), ("Standard_G5", 32), ("Standard_D2", 2), ("Standard_L8s_v3", 8),
    ],
)  # fmt: skip
def test_azure_size_is_known_and_its_cores_are_read_from_the_name(size: str, cores: int) -> None:
    check_size(size)
    assert vm_cores(size) == cores


@pytest.mark.parametrize("size", [*VM_SIZES, "SMALL", "Standard_d2S_V3"])
def test_size_of_the_table_is_known_in_any_case(size: str) -> None:
    check_size(size)


@pytest.mark.parametrize(
    ("size", "nearest"),
    [
        ("potato", ""), ("d4s_v3", "standard_d4s_v3"), ("D16s_v5", "standard_d16s_v5"),
        ("smal", "small"), (" small ", "small"), ("Standard_D4s_v3x", "standard_d4s_v3"),
        ("Standard_D4s-v3", "standard_d4s_v3"), ("Standard_Z4s_v3", "standard_d4s_v3"),
        ("Standard_Ds_v3", "standard_d8s_v3"), ("Standard_E4-8s_v5", "standard_e4s_v5"),
        ("Standard_D0s_v3", ""), ("Basic_A1", ""), ("Standard_A0", ""), ("Standard_potato1", ""),
        ("Standard_D4s_A100_v3", ""), ("extra large", "extralarge"), ("d²", ""), ("x" * 500, ""),
    ],
)  # fmt: skip
def test_size_that_azure_cannot_have_is_refused_with_the_nearest(size: str, nearest: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_size(size)
    error = caught.value
    assert error.code == "InvalidPropertyValue"
    assert error.values["PropertyName"] == "vm_size"
    named = error.values["Reason"].split("did you mean '")[1].split("'")[0]
    check_size(named)
    assert named == (nearest or named)


POTATO = PoolSpec(vm_size="potato")
AUTO = JobSpec(pool_info=PoolInfo(
    auto_pool_specification=AutoPoolSpecification(pool_lifetime_option="job", pool=POTATO)
))  # fmt: skip


def test_unknown_size_is_refused_wherever_a_pool_is_described(world: World) -> None:
    world.feed(inputs.CreateJobSchedule(
        spec=JobScheduleSpec(id="s", schedule="1h", job_specification=JobSpec(pool_info="p"))
    ))  # fmt: skip
    requests = [
        inputs.CreatePool(spec=PoolSpec(id="p", vm_size="potato")),
        inputs.CreateJob(spec=JobSpec(id="j", pool_info=AUTO.pool_info)),
        inputs.CreateJobSchedule(
            spec=JobScheduleSpec(id="t", schedule="1h", job_specification=AUTO)
        ),
        inputs.UpdateJobSchedule(job_schedule_id="s", job_specification=AUTO),
    ]
    for request in requests:
        error = world.refused(request)
        assert error.code == "InvalidPropertyValue", request
        assert "'potato'" in error.message


def test_journal_of_earlier_rules_keeps_its_odd_sizes() -> None:
    world = World(rules=2)
    assert world.pool(vm_size="potato", task_slots_per_node=256)
    assert world.pool_view().vm_size == "potato"
