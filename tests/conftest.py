"""Strict numerics and checked types for the whole session."""

import os

# Tests run many small programs once each: compiling them dominates, so leave the machine code unpolished.
os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_backend_optimization_level=0"

import jax
from hypothesis import settings
from jaxtyping import install_import_hook

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_num_cpu_devices", 2)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")

install_import_hook("jaxgame", "beartype.beartype")

settings.register_profile("jaxgame", deadline=None, max_examples=50, derandomize=True)
settings.load_profile("jaxgame")
