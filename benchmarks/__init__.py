"""What is timed against whom: `python -m benchmarks`."""

import os

# Threads of a peer's loop that wait for their next one must not keep a core from ours.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")
os.environ.setdefault("KMP_BLOCKTIME", "0")
