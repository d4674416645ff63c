"""The one place that vmaps over draws, and lays them out on devices."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

# Draws that a CPU computes as one batch. More would not fit a core's cache and would wait longer for the
# slowest draw; fewer would leave vector units idle and each step's fixed cost unshared. Measured in
# benchmarks/results/.
CPU_BATCH = 16


def spread(
    function: Callable[..., Any], devices: Sequence[jax.Device], batch: int | None = CPU_BATCH
) -> jax.stages.Wrapped:
    """`function` of one draw as a jitted function of many, on `devices`, each taking an equal share.

    Arguments and results carry the draws on their first axis, whose length the devices divide. Draws
    are independent: with `shard_map` a device's loops end with its own slowest draw, without waiting
    for the others at every step. A CPU takes `batch` draws at a time (None: all), a GPU its whole share.
    """
    if devices[0].platform != "cpu":
        batch = None

    def share(*arguments: Any) -> Any:
        draws = jax.tree.leaves(arguments)[0].shape[0]
        if batch is None or draws <= batch:
            return jax.vmap(function)(*arguments)
        return jax.lax.map(lambda one: function(*one), arguments, batch_size=batch)

    mesh, spec = Mesh(np.array(devices), ("draw",)), PartitionSpec("draw")
    # check_vma=False: the check refuses loops that start from constants, equal on all devices, and go on to
    # values that differ. It protects results that are declared equal on all devices; here there are none.
    mapped = jax.shard_map(share, mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False)
    sharding = NamedSharding(mesh, spec)
    return jax.jit(mapped, in_shardings=sharding, out_shardings=sharding)
