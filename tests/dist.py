"""Builds source archive and wheel, and tries each where nothing is installed: `make dist`.

Both go into dist/, in the place of older ones, and are checked as an index would (`twine check --strict`).
Then, for each Python from 3.11 to 3.13 that is found, the wheel is installed with all that it needs into an
environment of its own, and tried by who has nothing else: the package is imported, the README's examples of
the library run in order, `jaxgame demo` audits its panel and `jaxgame verify` rechecks the proof that an
example wrote. The same again with the source archive in the wheel's place. Exits with 1 if anything fails or
no Python is found; Pythons that are not here are named. Needs the network, and some minutes for each Python.

    make dist                         all
    python -m tests.dist 3.12 3.13    these alone
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
DIST = ROOT / "dist"
VERSIONS = ("3.11", "3.12", "3.13")
NOT_COVERED = 1  # what `jaxgame demo` ends with: its panel does not cover the reference
PROOF = "proof.json"  # which an example of the README writes
README_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def main(versions: list[str]) -> int:
    """Build, check, try; 0 if all that is here works."""
    archives = build()
    tried = []
    for version in versions or VERSIONS:
        python = find(version)
        if python is None:
            print(f"Python {version}: not here, not tried", flush=True)
            continue
        tried.append(version)
        with tempfile.TemporaryDirectory(prefix="jaxgame-dist-") as folder:
            for what in try_out(python, archives, Path(folder)):
                print(f"Python {version}: {what}", flush=True)
    if not tried:
        print("no Python was found to try them with", file=sys.stderr)
    return 0 if tried else 1


def build() -> list[Path]:
    """The wheel and the source archive, checked; the wheel is built out of the archive."""
    shutil.rmtree(DIST, ignore_errors=True)
    call(sys.executable, "-m", "build", "--outdir", str(DIST), str(ROOT))
    archives = [*DIST.glob("*.whl"), *DIST.glob("*.tar.gz")]
    call(sys.executable, "-m", "twine", "check", "--strict", *map(str, archives))
    print(f"{', '.join(path.name for path in archives)}: built, and fit for an index", flush=True)
    return archives


def find(version: str) -> Path | None:
    """A Python of that version: on the path, or kept by pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    there = [shutil.which(f"python{version}"), *sorted(pyenv.glob(f"{version}.*/bin/python"), reverse=True)]
    ask = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
    for python in (Path(found) for found in there if found):
        said = subprocess.run([str(python), "-c", ask], capture_output=True, text=True)
        if said.returncode == 0 and said.stdout.strip() == version:
            return python
    return None


def try_out(python: Path, archives: list[Path], folder: Path) -> Iterator[str]:
    """Install each archive into one environment, one after the other, and use it; says what worked."""
    place = folder / "environment"
    call(str(python), "-m", "venv", str(place))
    commands = place / ("Scripts" if os.name == "nt" else "bin")
    inside = str(commands / "python")
    for archive in archives:
        call(inside, "-m", "pip", "install", "--quiet", "-c", str(ROOT / "constraints.txt"), str(archive))
        work = folder / archive.name.replace(".", "_")
        work.mkdir()
        (work / "readme.py").write_text("".join(README_BLOCK.findall((ROOT / "README.md").read_text())))
        call(inside, "-c", "import jaxgame; [getattr(jaxgame, name) for name in jaxgame.__all__]", cwd=work)
        call(inside, "readme.py", cwd=work)
        jaxgame = str(commands / "jaxgame")
        call(jaxgame, "verify", PROOF, cwd=work)
        call(jaxgame, "demo", "--quiet", "--bootstrap", "20", cwd=work, code=NOT_COVERED)
        assert (work / "audit-demo" / "report.html").exists()
        yield f"{archive.name} installed; import, the README's examples, demo and verify work"
        call(inside, "-m", "pip", "uninstall", "--quiet", "--yes", "jaxgame")


def call(*words: str, cwd: Path | None = None, code: int = 0) -> None:
    """Run a command without this checkout on its path; ends with what it said unless it ends with `code`."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(words, cwd=cwd, env=clean, capture_output=True, text=True)
    if done.returncode != code:
        sys.exit(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
