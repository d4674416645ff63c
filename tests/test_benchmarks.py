"""The benchmarks run; what they measure is for benchmarks/results."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.parametrize("kept", [False, True], ids=["shown", "kept"])
def test_a_suite_is_shown_and_kept(kept, tmp_path):
    path = tmp_path / "new" / "audit.json"
    command = [
        sys.executable,
        "-m",
        "benchmarks",
        "audit",
        "--quick",
        *(["--json", str(path)] if kept else []),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    names = ["audit_reading", "audit_command", "audit_bootstrap", "audit_absolute"]
    assert all(name in done.stdout for name in names)
    assert path.exists() == kept
    if kept:
        assert [row["name"] for row in json.loads(path.read_text())] == names
