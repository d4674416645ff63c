"""The package's face: every public name is there, and nothing is imported that a user does not use."""

import subprocess
import sys

import pytest

import jaxgame as jg


def test_every_public_name_can_be_used():
    assert len(jg.__all__) == len(set(jg.__all__)) > 30
    assert {name for name in jg.__all__ if not hasattr(jg, name)} == set()


@pytest.mark.parametrize("module", ["jaxgame", "jaxgame.cli", "jaxgame.panel", "jaxgame.verify"])
def test_what_needs_no_jax_does_not_wait_for_it(module):
    code = f"import sys, {module}; print([name for name in ('jax', 'matplotlib') if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
