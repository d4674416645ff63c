"""The house stands as CONTRIBUTING says: imports point one way, modules and functions stay small."""

import ast
import builtins
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# A room may use those before it. A name is a package of `jaxgame` or a module at its root.
ROOMS = (
    "verify",
    "drawing",
    "core",
    "proof",
    "lp",
    "hull",
    "coalition",
    "sampling",
    "persuasion",
    "selection",
    "competition.independent",
    "competition.rich",
    "competition",
    "menus",
    "conversation",
    "users",
    "summary",
    "theorems",
    "runs",
    "plot",
    "panel",
    "audit",
    "elicit",
    "cli",
)
MODULES = sorted((ROOT / "jaxgame").rglob("*.py"))
LONGEST_MODULE = 350
LONGEST_FUNCTION = 80
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef


def dotted(path: Path) -> str:
    """jaxgame/core/game.py as core.game, packages by their own name."""
    parts = path.relative_to(ROOT / "jaxgame").with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def room_of(module: str) -> str:
    return max((room for room in ROOMS if f"{module}.".startswith(f"{room}.")), key=len)


def imported(path: Path) -> Iterator[str]:
    """What a module imports of the library, wherever in its text, but for what only types need."""
    tree = ast.parse(path.read_text())
    only_types = {
        id(node)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and ast.unparse(branch.test) == "TYPE_CHECKING"
        for node in ast.walk(branch)
    }
    known = {dotted(path) for path in MODULES}
    for node in ast.walk(tree):
        if id(node) in only_types:
            continue
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "jaxgame":
            base = node.module.removeprefix("jaxgame").lstrip(".")
            for name in node.names:
                whole = f"{base}.{name.name}".lstrip(".")
                found = whole if whole in known else base
                if found:
                    yield found
        elif isinstance(node, ast.Import):
            for name in node.names:
                if name.name.startswith("jaxgame."):
                    yield name.name.removeprefix("jaxgame.")


@pytest.mark.parametrize("path", [path for path in MODULES if dotted(path)], ids=dotted)
def test_imports_point_one_way(path):
    room = room_of(dotted(path))
    above = [name for name in imported(path) if ROOMS.index(room_of(name)) > ROOMS.index(room)]
    assert not above, f"{dotted(path)} is in {room}, and uses {above} from above"


def test_no_module_needs_itself():
    needs = {dotted(path): set(imported(path)) - {dotted(path)} for path in MODULES}
    done: set[str] = set()
    while ready := {name for name, needed in needs.items() if name not in done and needed <= done}:
        done |= ready
    assert set(needs) == done, f"in a circle: {sorted(set(needs) - done)}"


def test_the_library_knows_nothing_of_its_application():
    for path in MODULES:
        words = {word.split(".")[0] for word in _all_imports(path)}
        assert not words & {"experiments", "hydra", "omegaconf"}, path


def _all_imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


CODE = [*MODULES, *sorted((ROOT / "experiments").rglob("*.py"))]


def test_modules_have_one_subject():
    long = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in CODE}
    assert not {name: lines for name, lines in long.items() if lines > LONGEST_MODULE}


def test_functions_can_be_seen_whole():
    long = {
        f"{path.relative_to(ROOT)}: {node.name}": node.end_lineno - node.lineno + 1
        for path in CODE
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, FUNCTIONS) and node.end_lineno - node.lineno + 1 > LONGEST_FUNCTION
    }
    assert not long


def test_every_name_is_bound():
    """What a linter would say, had it not to leave the names in shapes of arrays alone."""
    for path in CODE:
        tree = ast.parse(path.read_text())
        bound = {*dir(builtins), "__file__", "__name__"}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                bound |= {(name.asname or name.name).split(".")[0] for name in node.names}
            elif isinstance(node, FUNCTIONS | ast.ClassDef | ast.ExceptHandler) and node.name:
                bound.add(node.name)
            elif isinstance(node, ast.arg):
                bound.add(node.arg)
            elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                bound.add(node.id)
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        assert not names - bound, f"{path.relative_to(ROOT)}: {names - bound}"


def test_every_package_says_what_it_holds():
    for path in MODULES:
        if path.name == "__init__.py":
            assert ast.get_docstring(ast.parse(path.read_text())), path
