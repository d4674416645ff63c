"""Strict numerics and checked types for the whole session."""

import os

# Tests run many small programs once each: compiling them dominates, so leave the machine code unpolished.
# Flags that were set before come last, and win.
os.environ["XLA_FLAGS"] = "--xla_backend_optimization_level=0 " + os.environ.get("XLA_FLAGS", "")

import jax
import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_num_cpu_devices", 2)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")

install_import_hook("jaxgame", "beartype.beartype")

from jaxgame.runs.compiled import fuse_plainly, keep_compiled
from jaxgame.runs.mappings import make_room

fuse_plainly()
# A program is found by its text, flags and jaxlib: one that changed is compiled anew.
keep_compiled()

settings.register_profile("jaxgame", deadline=None, max_examples=50, derandomize=True)
settings.load_profile("jaxgame")


@pytest.fixture(autouse=True)
def _room_for_programs():
    """A worker runs hundreds of tests, and each leaves its programs."""
    make_room()


# Examples in docstrings that compile large programs; the tests of their modules cover the same ground.
SLOW_EXAMPLES = (
    "jaxgame/selection/",
    "jaxgame/coalition/",
    "jaxgame/theorems/coalitions.py",
    "jaxgame/competition/",
    "jaxgame/conversation/search.py",
    "jaxgame/menus.py",
    "jaxgame/persuasion/frontier.py",
    "jaxgame/users/",
    "jaxgame/theorems/users.py",
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if item.nodeid.startswith(SLOW_EXAMPLES):
            item.add_marker(pytest.mark.slow)
