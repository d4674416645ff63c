"""What an accelerator has to get right: tests marked `device`, which `make gpu` runs and which else skip."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgame as jg
from benchmarks.device import REHEARSAL
from jaxgame import selection
from jaxgame.sampling import FAMILIES, Shape

ROOT = Path(__file__).parent.parent
DRAWS = 256

device = pytest.mark.device


@pytest.fixture(scope="module")
def accelerator() -> jax.Device:
    first = jax.devices()[0]
    if first.platform == "cpu" and not os.environ.get(REHEARSAL):
        pytest.skip(
            "JAX sees no accelerator here; pip install 'jaxgame[cuda13]' where there is an NVIDIA GPU"
        )
    return first


def draw(key):
    """A small game's worth of everything: what the tests compare."""
    game = FAMILIES["noise"]().sample(key, Shape(2, 1, 2, 3), 1.0)
    return {
        "distance": jg.game_hull_distance(game).distance,
        "value": jg.leader_value(game, 0, jg.full_information_value(game) * 0.9).value,
        "full": jg.full_information_value(game),
    }


@device
def test_brackets_of_both_devices_hold_one_number(accelerator):
    keys = jax.random.split(jax.random.key(0), DRAWS)
    program = jax.jit(jax.vmap(draw))
    there, here = (
        jax.device_get(program(jax.device_put(keys, place))) for place in (accelerator, jax.devices("cpu")[0])
    )
    for name in ("distance", "value"):
        assert (there[name].lower <= here[name].upper + 1e-13).all(), name
        assert (here[name].lower <= there[name].upper + 1e-13).all(), name
        assert (there[name].upper - there[name].lower).max() < 1e-6, name
    np.testing.assert_allclose(there["full"], here["full"], rtol=1e-12)


@device
@pytest.mark.timeout(600)
def test_worst_equilibria_of_both_devices_agree(accelerator):
    """The longest loop of all: it stops when a bracket is narrow enough, on either."""

    def worst(key):
        game = FAMILIES["uniform"]().sample(key, Shape(2, 1, 2, 2), 1.0)
        found = selection.worst_equilibrium(game)
        return found.value, found.converged

    keys = jax.random.split(jax.random.key(1), 16)
    program = jax.jit(jax.vmap(worst))
    there, here = (
        jax.device_get(program(jax.device_put(keys, place))) for place in (accelerator, jax.devices("cpu")[0])
    )
    assert (there[0].lower <= here[0].upper).all() and (here[0].lower <= there[0].upper).all()
    np.testing.assert_array_equal(there[1], here[1])


@device
def test_doubles_are_doubles(accelerator):
    one = jax.device_put(jnp.float64(1.0), accelerator)
    least = np.finfo(np.float64).eps
    assert one.dtype == jnp.float64
    assert float(jax.jit(lambda x: (x + least) - x)(one)) == least
    third = jax.jit(lambda x: x / 3.0)(one)
    assert float(third) == 1 / 3  # correctly rounded


@device
def test_keys_and_bits_are_the_same(accelerator):
    def bits(seed):
        return jax.random.bits(jax.random.fold_in(jax.random.key(seed), 7), (1000,), np.uint64)

    there, here = (
        np.asarray(jax.jit(bits)(jax.device_put(0, place))) for place in (accelerator, jax.devices("cpu")[0])
    )
    np.testing.assert_array_equal(there, here)


@device
def test_chunks_do_not_matter(accelerator):
    tables = [jg.run_draws(draw, 64, 0, chunk=chunk, progress=False) for chunk in (64, 24)]
    for name in tables[0].columns:
        np.testing.assert_allclose(tables[0][name], tables[1][name], rtol=1e-12, atol=1e-13, err_msg=name)


@device
def test_memory_does_not_grow_with_draws(accelerator):
    if not accelerator.memory_stats():
        pytest.skip("this device does not tell its memory")

    def held(draws: int) -> int:
        jg.run_statistics(draw, draws, 0, chunk=256, progress=False)
        return accelerator.memory_stats()["bytes_in_use"]

    assert held(256 * 16) <= held(256) + 2**20


def test_without_an_accelerator_the_driver_says_what_is_missing():
    command = [sys.executable, "-m", "benchmarks.device"]
    environment = {name: value for name, value in os.environ.items() if name != "JAX_PLATFORMS"}
    if jax.devices()[0].platform != "cpu":
        pytest.skip("there is one")
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("no accelerator: ") and "Traceback" not in done.stderr
    assert "jaxgame[cuda13]" in done.stderr or "driver" in done.stderr
    chosen = subprocess.run(
        command,
        cwd=ROOT,
        env=environment | {"JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert chosen.stderr.strip() == "no accelerator: JAX_PLATFORMS is 'cpu'; unset it"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_driver_can_be_rehearsed(tmp_path):
    command = [sys.executable, "-m", "benchmarks.device", "--rehearse", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".txt"}
    assert "do not fit" not in done.stdout and "tests passed" in done.stdout
