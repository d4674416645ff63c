"""Compiled programs, kept on disk for the next process: compiling is most of a small run's time.

JAX has such a cache; here it gets a folder that fits the machine, whole files, and silence. The library
never switches it on by itself. A folder belongs to one jaxlib, one processor and one value of XLA_FLAGS,
since programs of another may crash. JAX writes its files in place, so that a kill leaves half a program for
good, and warns of each program that it cannot write; `_Programs` does neither.
"""

import contextlib
import functools
import hashlib
import logging
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jaxlib

from jaxgame.runs.files import said_by_disk, write_whole

log = logging.getLogger("jaxgame")

_SUFFIX = ".program"
_DIGEST_BYTES = 16

# Programs that nobody loaded for so long are removed: seconds.
_UNUSED = 30 * 86400

# Before this jaxlib, XLA takes two preferences of its own compiler for features that the processor lacks, and
# says so in two lines of a thousand characters for each program it loads (jax issue 38445).
_SILENT_SINCE = (0, 11, 2)
_FATAL = 3  # of the levels of XLA's messages

# From this jaxlib on XLA has one way only to make loops for the CPU, and an unknown flag ends the process.
_ONE_WAY_SINCE = (0, 10)

_settings: Any = jax.config  # whose values have no types

# The folder that is in use, if it was set here.
_kept: Path | None = None


def keep_compiled(folder: bool | str | Path = True) -> Path | None:
    """Keep what JAX compiles from now on in this process, and load what was kept; returns where, or None.

    `folder` is where: True for the user's cache directory (`$XDG_CACHE_HOME` or `~/.cache`, on macOS
    `~/Library/Caches`), a path, or False to keep nothing. In it there is a folder for each version of jaxlib,
    kind of processor and value of XLA_FLAGS. A cache that the user chose (JAX_COMPILATION_CACHE_DIR) stays
    as it is. A folder that cannot be written is read, one that cannot be made is done without; one line of
    the log says so. Results do not depend on it. JAX_ENABLE_COMPILATION_CACHE=false switches it off, too.
    """
    global _kept
    chosen = _settings.jax_compilation_cache_dir
    if chosen is not None and chosen != str(_kept):
        return Path(chosen)
    place = None if folder is False else _prepared(folder)
    if place == _kept:
        return _kept
    if _kept is not None:
        jax.experimental.compilation_cache.compilation_cache.reset_cache()
    jax.config.update("jax_compilation_cache_dir", None if place is None else str(place))
    if place is not None:
        # Hundreds of small programs take longer to compile than to read.
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
    _kept = place
    return _kept


def fuse_plainly() -> None:
    """Have XLA fuse the CPU's loops in its older, plainer way, where this jaxlib has two: adds to XLA_FLAGS.

    Unoptimised code compiles in half of the time or less and is no slower; optimised code computes up to half
    as slow again and compiles a little faster. Before JAX touches a device; whoever names the flag keeps it.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if _jaxlib_version() < _ONE_WAY_SINCE and "xla_cpu_use_fusion_emitters" not in flags:
        os.environ["XLA_FLAGS"] = f"--xla_cpu_use_fusion_emitters=false {flags}".strip()


def machine_key() -> str:
    """The folder's name, which tells jaxlib, processor and XLA_FLAGS: "jaxlib-0.9.2-2674a184-1271cf25"."""
    flags = " ".join(sorted(os.environ.get("XLA_FLAGS", "").split()))
    return f"jaxlib-{jaxlib.__version__}-{_short(_processor())}-{_short(flags)}"


class _Programs:
    """What JAX asks of a cache: `get` and `put` of bytes by a key; a file for each, with its digest.

    Any number of processes may read and write one folder.
    """

    def __init__(self, folder: Path):
        self._path = folder  # JAX's name for it
        self._writes = os.access(folder, os.W_OK)

    def get(self, key: str) -> bytes | None:
        """The bytes, or None if they are not there or not whole."""
        path = self._file(key)
        try:
            content = path.read_bytes()
        except OSError:
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # used today
        digest, program = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        return program if _digest(program) == digest else None

    def put(self, key: str, value: bytes) -> None:
        """Keep them, in the place of what was not whole or could not be loaded."""
        if not self._writes:
            return
        try:
            self._path.mkdir(mode=0o700, parents=True, exist_ok=True)  # somebody may have cleaned up
            write_whole(self._file(key), lambda path: path.write_bytes(_digest(value) + value))
        except OSError as error:
            self._writes = False
            log.warning("compiled programs are no longer kept in %s: %s", self._path, said_by_disk(error))

    def _file(self, key: str) -> Path:
        # JAX's key begins with the function's name, which may be longer than a file's name can be.
        return self._path / (_digest(key.encode()).hex() + _SUFFIX)


def _prepared(folder: bool | str | Path) -> Path | None:
    """The folder of this machine, there and known to JAX; None if that cannot be, which the log tells."""
    try:
        root = user_cache() if folder is True else Path(str(folder)).expanduser().absolute()
        place = root / machine_key()
        # Whoever can write there can have this user run anything: nobody else.
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        _install()
    except OSError as error:
        log.warning("compiled programs are not kept: %s: %s", error.filename, said_by_disk(error))
        return None
    except (ImportError, AttributeError, RuntimeError) as error:
        log.warning("compiled programs are not kept: %s", error)
        return None
    if os.access(place, os.W_OK):
        _remove_unused(root)
    else:
        log.warning("compiled programs are read from %s, which cannot be written", place)
        # Files that XLA itself would write beside the programs, on a GPU.
        jax.config.update("jax_persistent_cache_enable_xla_caches", "none")
    return place


def user_cache() -> Path:
    """Where this system's users keep what can be computed again. Raises RuntimeError without a home."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "jaxgame"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "jaxgame" / "Cache"
    named = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(named) if Path(named).is_absolute() else Path.home() / ".cache") / "jaxgame"


@functools.cache
def _install() -> None:
    """Have JAX use `_Programs` in our folder, and load programs in silence.

    JAX has no public place for either. Raises AttributeError if its own have moved: then nothing is kept.
    """
    from jax._src import compilation_cache as cache

    others, load = cache.get_file_cache, cache.get_executable_and_time

    def file_cache(path: str) -> Any:
        return (_Programs(Path(path)), path) if path == str(_kept) else others(path)

    def load_in_silence(*args: Any, **kwargs: Any) -> Any:
        with _silence():
            return load(*args, **kwargs)

    _replace(cache, "get_file_cache", file_cache)
    if _jaxlib_version() < _SILENT_SINCE:
        _replace(cache, "get_executable_and_time", load_in_silence)


def _replace(module: Any, name: str, function: Callable[..., Any]) -> None:
    setattr(module, name, function)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """No messages of XLA but fatal ones.

    That the processor is the one compiled for, which they are about, the folder's name has answered. Failures
    to load reach Python as exceptions all the same.
    """
    if _kept is None or _settings.jax_logging_level not in (None, "NOTSET"):
        yield
        return
    from jaxlib import utils

    utils.absl_set_min_log_level(_FATAL)
    try:
        yield
    finally:
        utils.absl_set_min_log_level(int(os.environ.get("TF_CPP_MIN_LOG_LEVEL", "1")))


def _remove_unused(root: Path) -> None:
    """Remove the programs of any version and processor that were not loaded for a month."""
    now = time.time()
    for path in root.glob(f"jaxlib-*/*{_SUFFIX}"):
        with contextlib.suppress(OSError):  # another process was first
            if now - path.stat().st_mtime > _UNUSED:
                path.unlink()


def _processor() -> str:
    """What tells one kind of processor, and what it can do, from another."""
    cores = Path("/proc/cpuinfo")
    if cores.exists():
        told = r"(vendor_id|cpu family|model|model name|stepping|flags|Features|CPU \w+)\s*:.*"
        lines = {line for line in cores.read_text("utf-8").splitlines() if re.fullmatch(told, line)}
        return "\n".join([platform.machine(), *sorted(lines)])
    if sys.platform == "darwin":
        asked = ["sysctl", "-n", "machdep.cpu.brand_string", "hw.optional"]
        told = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
        return f"{platform.machine()}\n{told}"
    return f"{platform.machine()}\n{platform.processor()}"


def _jaxlib_version() -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", jaxlib.__version__)[:3]))


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()


def _short(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
