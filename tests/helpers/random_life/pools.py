"""What can be asked of pools and nodes in a random life."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from batchlab.core.messages import inputs
from batchlab.core.model import (
    PoolSpec,
    StartTask,
    TaskSchedulingPolicy,
)
from batchlab.core.model.moments import moment
from helpers.random_life.formulas import WithFormulas
from helpers.random_life.strategies import (
    OPTIONS,
    ORDERS,
    POOLS,
    START_TASKS,
    WHICH,
)


class WithPools(WithFormulas):
    """Pools that come, change and go, and what is done to their nodes."""

    @rule(pool=POOLS, nodes=st.integers(0, 3), spot=st.integers(0, 2), slots=st.integers(1, 2),
          fill=st.sampled_from(["spread", "pack"]), order=ORDERS, start=START_TASKS,
          talk=st.booleans())  # fmt: skip
    def create_pool(
        self, pool: str, nodes: int, spot: int, slots: int, fill: Any, order: Any,
        start: StartTask | None, talk: bool,
    ) -> None:  # fmt: skip
        spec = PoolSpec(
            id=pool, target_dedicated_nodes=nodes, target_low_priority_nodes=spot,
            task_slots_per_node=slots, start_task=start, enable_inter_node_communication=talk,
            task_scheduling_policy=TaskSchedulingPolicy(
                node_fill_type=fill, job_default_order=order
            ),
        )  # fmt: skip
        self.feed(inputs.CreatePool(spec=spec))

    @rule(pool=POOLS, start=START_TASKS)
    def update_pool(self, pool: str, start: StartTask | None) -> None:
        self.feed(inputs.UpdatePool(pool_id=pool, start_task=start))

    @rule(pool=POOLS, start=START_TASKS)
    def replace_pool_properties(self, pool: str, start: StartTask | None) -> None:
        self.feed(inputs.ReplacePoolProperties(pool_id=pool, start_task=start))

    @rule(pool=POOLS, count=st.none() | st.integers(-1, 3), spot=st.none() | st.integers(-1, 2),
          option=OPTIONS)  # fmt: skip
    def resize(self, pool: str, count: int | None, spot: int | None, option: Any) -> None:
        self.feed(
            inputs.ResizePool(
                pool_id=pool, target_dedicated_nodes=count, target_low_priority_nodes=spot,
                node_deallocation_option=option,
            )
        )  # fmt: skip

    @rule(which=WHICH)
    def preempt(self, which: int) -> None:
        spot = [node for node in self.core.state.nodes.values() if not node.dedicated]
        node = spot[which % len(spot)] if spot else None
        pool, name = (node.pool.spec.id, node.id) if node else self.some_node(which)
        self.feed(inputs.PreemptNode(pool_id=pool, node_id=name))

    @rule(pool=POOLS)
    def stop_resize(self, pool: str) -> None:
        self.feed(inputs.StopPoolResize(pool_id=pool))

    @rule(pool=POOLS)
    def delete_pool(self, pool: str) -> None:
        self.feed(inputs.DeletePool(pool_id=pool))

    @rule(picks=st.lists(WHICH, min_size=0, max_size=3), option=OPTIONS)
    def remove_nodes(self, picks: list[int], option: Any) -> None:
        pool = self.some_node(picks[0] if picks else 0)[0]
        ids = tuple(self.some_node(which)[1] for which in picks)
        self.feed(inputs.RemoveNodes(pool_id=pool, node_ids=ids, node_deallocation_option=option))

    @rule(which=WHICH, option=OPTIONS)
    def reboot(self, which: int, option: Any) -> None:
        pool, node = self.some_node(which)
        self.feed(inputs.RebootNode(pool_id=pool, node_id=node, node_reboot_option=option))

    @rule(which=WHICH, option=OPTIONS)
    def reimage(self, which: int, option: Any) -> None:
        pool, node = self.some_node(which)
        self.feed(inputs.ReimageNode(pool_id=pool, node_id=node, node_reimage_option=option))

    @rule(which=WHICH, option=OPTIONS)
    def deallocate(self, which: int, option: Any) -> None:
        pool, node = self.some_node(which)
        self.feed(inputs.DeallocateNode(pool_id=pool, node_id=node, node_deallocate_option=option))

    @rule(which=WHICH)
    def start(self, which: int) -> None:
        away = [node for node in self.core.state.nodes.values() if node.away]
        node = away[which % len(away)] if away else None
        pool, name = (node.pool.spec.id, node.id) if node else self.some_node(which)
        self.feed(inputs.StartDeallocatedNode(pool_id=pool, node_id=name))

    @rule(which=WHICH, option=OPTIONS)
    def disable_node(self, which: int, option: Any) -> None:
        pool, node = self.some_node(which)
        self.feed(
            inputs.DisableNodeScheduling(
                pool_id=pool, node_id=node, node_disable_scheduling_option=option
            )
        )

    @rule(which=WHICH, name=st.sampled_from(["ann", "Bob"]), how=st.integers(0, 3))
    def change_users(self, which: int, name: str, how: int) -> None:
        pool, node = self.some_node(which)
        place = {"pool_id": pool, "node_id": node}
        request: Any = [
            inputs.CreateNodeUser(**place, name=name, is_admin=True),
            inputs.CreateNodeUser(**place, name=name, expiry_time=moment(self.now + 30)),
            inputs.ReplaceNodeUser(**place, user_name=name),
            inputs.DeleteNodeUser(**place, user_name=name),
        ][how]
        self.feed(request)

    @rule(which=WHICH)
    def enable_node(self, which: int) -> None:
        pool, node = self.some_node(which)
        self.feed(inputs.EnableNodeScheduling(pool_id=pool, node_id=node))
