"""Builds the site: python docs/build.py [zensical | mkdocs]

Pages are copied into outputs/pages, with the schemas of files, and notebooks made of pages whose code runs; a
builder makes the site outputs/docs of them by mkdocs.yml. Beside each page lies its plain Markdown, in which
the reference is written out. Nothing is loaded from the network.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import griffe

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
PAGES, SITE = ROOT / "outputs" / "pages", ROOT / "outputs" / "docs"
BUILDERS = {
    "zensical": ("zensical", "build", "--strict", "--clean"),
    "mkdocs": ("mkdocs", "build", "--strict", "--quiet"),
}
_REFERENCE = re.compile(r"^::: (\S+)$", re.MULTILINE)
_REMOTE = "https://unpkg.com/iframe-worker/shim"  # of the plugin offline
_EXAMPLE = re.compile(r"^(>>> .*?)\n(?=\n)", re.MULTILINE | re.DOTALL)


def stage() -> None:
    """Lay out what a builder is given."""
    shutil.rmtree(PAGES, ignore_errors=True)
    shutil.copytree(DOCS, PAGES, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    (PAGES / "schemas").mkdir()
    for path in sorted((ROOT / "jaxgame").rglob("*.schema.json")):
        shutil.copy(path, PAGES / "schemas")
    for path in sorted(PAGES.rglob("*.md")):
        notebook = _notebook(path)
        also = f' · <a href="{notebook}" download>as a notebook</a>' if notebook else ""
        with path.open("a") as page:
            link = f'<a href="plain:{path.stem}">This page as plain Markdown</a>'
            page.write(f'\n<small class="also">{link}{also}</small>\n')


def _notebook(page: Path) -> str | None:
    """Write the notebook of a page, if it has one; its address from there."""
    sys.path.insert(0, str(DOCS))
    import notebooks

    if page.relative_to(PAGES).as_posix() not in notebooks.PAGES:
        return None
    path = page.with_suffix(".ipynb")
    path.write_text(notebooks.notebook(page.relative_to(PAGES).as_posix()))
    return path.name


def offline() -> None:
    """Let pages load what searches without a server from the site itself, and link their plain Markdown."""
    for path in SITE.rglob("*.html"):
        here = os.path.relpath(SITE / "assets" / "frame_worker.js", path.parent)
        # Builders take a link to a page's Markdown for one to the page: until now it had a scheme of its own.
        text = path.read_text().replace(_REMOTE, here)
        path.write_text(re.sub(r'href="plain:([^"]*)"', r'href="\1.md"', text))


def plain() -> None:
    """Put each page's Markdown beside it in the site."""
    package = griffe.load("jaxgame", search_paths=[str(ROOT)], resolve_aliases=True)
    for path in sorted(DOCS.rglob("*.md")):
        text = _REFERENCE.sub(lambda match: described(package, match[1]), path.read_text())
        (SITE / path.relative_to(DOCS)).write_text(text)


def described(package: griffe.Module, name: str) -> str:
    """A public name with its signature or fields and its docstring, as Markdown."""
    found = package[name.removeprefix("jaxgame.")]
    found = found.final_target if found.is_alias else found
    if found.is_module:  # a function in a module of its name, as jaxgame.conversation.teaching
        found = found[name.rpartition(".")[2]]
    parts = [f"## `{name}`", _code(found), found.docstring.value if found.docstring else ""]
    if found.is_class:
        for method in found.functions.values():
            if not method.name.startswith("_") and method.docstring:
                parts += [f"### `{method.name}`", _code(method), method.docstring.value]
    text = "\n\n".join(part for part in parts if part)
    return _EXAMPLE.sub(r"```pycon\n\1\n```\n", f"{text}\n\n").rstrip() + "\n\n"


def _code(found: griffe.Object) -> str:
    if found.is_function:
        return f"```python\n{found.signature()}\n```"
    if not found.is_class:
        return ""
    fields = [f"{n}: {x.annotation}" for n, x in found.attributes.items() if x.annotation]
    return "```python\n" + "\n".join(fields) + "\n```" if fields else ""


def build(builder: str) -> None:
    """Stage, build, add the plain pages; ends with the builder's code if it fails."""
    stage()
    program = shutil.which(
        BUILDERS[builder][0], path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    )
    if program is None:
        sys.exit(f"{builder} is not installed: pip install -e '.[docs]'")
    environment = {**os.environ, "PYTHONPATH": str(DOCS), "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run([program, *BUILDERS[builder][1:]], cwd=ROOT, env=environment, check=False)
    if done.returncode:
        sys.exit(done.returncode)
    offline()
    plain()


if __name__ == "__main__":
    chosen = sys.argv[1] if len(sys.argv) > 1 else "zensical"
    if chosen not in BUILDERS:
        sys.exit(f"builder is {chosen!r}; it must be one of {', '.join(BUILDERS)}")
    build(chosen)
