"""The site: links lead somewhere, formulas survive a change of builder, search needs no server."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote

import pytest

from tests import browser

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
BUILDERS = {"zensical": "zensical", "mkdocs": "material"}
slow = pytest.mark.slow


def module(name: str) -> ModuleType:
    """A script of docs/, which is no package."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def anchors(text: str) -> set[str]:
    """What a page's headings are called in addresses, as Python-Markdown's extension toc has it."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", text), re.MULTILINE)
    plain = [re.sub(r"[`*$]|\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", one).strip().lower()) for one in plain}


def broken(path: Path) -> list[str]:
    """Links of a page to files, or headings of pages, that are not there."""
    wrong = []
    for link in LINK.findall(FENCED.sub("", path.read_text())):
        if re.match(r"https?:|mailto:", link):
            continue
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        if file.endswith(".schema.json"):  # the build puts them beside the pages
            target = next((ROOT / "jaxgame").rglob(Path(file).name), target)
        lost = (
            anchor
            and target.suffix == ".md"
            and target.exists()
            and anchor not in anchors(target.read_text())
        )
        if not target.exists() or lost:
            wrong.append(link)
    return wrong


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_links_lead_somewhere(path):
    assert not broken(path)


def test_a_link_that_leads_nowhere_is_noticed(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# A `head`: ing\n[a](#a-head-ing) [b](#b) [c](no.md) [d](page.md#a-head-ing) ![e](e.png)\n"
    )
    assert broken(page) == ["#b", "no.md", "e.png"]


def test_every_page_is_in_the_navigation():
    listed = set(re.findall(r":\s+([\w/]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))
    assert listed == {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}


def rendered(text: str) -> str:
    """A text as the pages are rendered, with the extensions that matter here."""
    markdown = pytest.importorskip("markdown")
    pytest.importorskip("latex2mathml")
    pytest.importorskip("pymdownx")
    extensions = ["pymdownx.superfences", "pymdownx.arithmatex", module("jaxgame_markdown").makeExtension()]
    return markdown.markdown(
        text, extensions=extensions, extension_configs={"pymdownx.arithmatex": {"generic": True}}
    )


def test_formulas_become_mathml():
    html = rendered("Let $w \\ge 0$, $a < b$, and\n\n$$ \\sum_i w_i U_i. $$\n\n```\n$not$ one\n```\n")
    assert html.count("<math") == 3 and html.count('<div class="formula"><math') == 1
    assert html.count('display="block"') == 1 and "arithmatex" not in html
    assert "&#x0003C;" in html or "&lt;" in html
    assert "$not$ one" in html


def test_names_become_links_but_for_those_in_code():
    html = rendered(
        "Of `jg.selection.prove` and [`jg.Game`](#x).\n\n    `jg.no`\n\n[jaxgame.selection.prove]: #p\n"
    )
    assert '<a href="#p"><code>jg.selection.prove</code></a>' in html
    assert '<a href="#x"><code>jg.Game</code></a>' in html


NOTEBOOKS = module("notebooks")


@pytest.mark.parametrize("page", NOTEBOOKS.PAGES)
def test_notebooks_hold_the_tested_code_of_their_pages(page):
    from tests.test_docs import blocks

    found = json.loads(NOTEBOOKS.notebook(page))
    code = [cell["source"] for cell in found["cells"] if cell["cell_type"] == "code"]
    assert code == [block.code.strip("\n") for block in blocks((DOCS / page).read_text())] and code
    assert all(not cell["outputs"] for cell in found["cells"] if cell["cell_type"] == "code")
    words = "".join(cell["source"] for cell in found["cells"] if cell["cell_type"] == "markdown")
    assert words.startswith("# ") and "```python" not in words
    for heading in re.findall(r"^## .+$", FENCED.sub("", (DOCS / page).read_text()), re.MULTILINE):
        assert heading in words
    assert len({cell["id"] for cell in found["cells"]}) == len(found["cells"])


@pytest.mark.parametrize("page", NOTEBOOKS.PAGES)
def test_notebooks_are_valid(page):
    nbformat = pytest.importorskip("nbformat")
    nbformat.validate(nbformat.reads(NOTEBOOKS.notebook(page), as_version=4))


def built(builder: str, folder: Path) -> Path:
    """The site of a copy of what it is made of; skips if the builder is not installed."""
    for needed in (builder, BUILDERS[builder], "mkdocstrings", "latex2mathml"):
        pytest.importorskip(needed)
    for part in ("docs", "jaxgame"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "mkdocs.yml", folder)
    done = subprocess.run(
        [sys.executable, str(folder / "docs" / "build.py"), builder],
        cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "outputs" / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return built("zensical", tmp_path_factory.mktemp("zensical"))


def formulas(site: Path) -> dict[str, list[str]]:
    return {
        path.relative_to(site).as_posix(): re.findall(r"<math.*?</math>", path.read_text(), re.DOTALL)
        for path in sorted(site.rglob("*.html"))
        if path.name != "404.html"
    }


@slow
@pytest.mark.timeout(600)
def test_both_builders_give_equal_formulas(site, tmp_path):
    other = built("mkdocs", tmp_path)
    ours, theirs = formulas(site), formulas(other)
    assert ours == theirs and sum(map(len, ours.values())) > 300
    named = re.compile(r'href="([^"]*reference/[^"]*#jaxgame[^"]*)"')
    for page in ours:
        assert set(named.findall((site / page).read_text())) == set(named.findall((other / page).read_text()))


@slow
@pytest.mark.timeout(600)
def test_links_of_the_site_lead_somewhere(site):
    pages = {path: path.read_text() for path in site.rglob("*.html") if path.name != "404.html"}
    ids = {path: set(re.findall(r'\bid="([^"]+)"', text)) for path, text in pages.items()}
    wrong = []
    for path, text in pages.items():
        for link in re.findall(r'\b(?:href|src)="([^"]*)"', text):
            if re.match(r"[a-z]+:", link):
                continue
            file, _, anchor = unquote(link).partition("#")
            target = (path.parent / file).resolve() if file else path
            target = target / "index.html" if target.is_dir() else target
            if not target.exists() or (anchor and target in ids and anchor not in ids[target] | {"__skip"}):
                wrong.append(f"{path.relative_to(site)}: {link}")
    assert not wrong


@slow
@pytest.mark.timeout(600)
def test_each_page_is_there_as_plain_markdown(site):
    for path in DOCS.rglob("*.md"):
        plain = (site / path.relative_to(DOCS)).read_text()
        assert "\n::: " not in plain and len(plain) >= len(path.read_text())
        assert f'<a href="{path.name}">This page as plain Markdown' in (
            site / path.relative_to(DOCS).with_suffix(".html")
        ).read_text()  # fmt: skip
    assert "Minimise `c.x`" in (site / "reference" / "lp.md").read_text()
    assert "def leader_value" not in (site / "reference" / "selection.md").read_text()
    for page in NOTEBOOKS.PAGES:
        assert (site / page).with_suffix(".ipynb").read_text() == NOTEBOOKS.notebook(page)


@slow
@pytest.mark.timeout(600)
def test_search_works_from_a_folder(site, tmp_path):
    program = browser.chromium()
    if program is None:
        pytest.skip("no Chromium")
    shadows = "[...document.querySelectorAll('*')].map(x => x.shadowRoot).filter(x => x)"
    found = f"{shadows}.map(x => x.textContent).join()"
    with browser.page(program, tmp_path) as page:
        page.open(site / "howto" / "gpu.html", 1100, 800)
        wait(page, "typeof __index == 'object' && document.querySelectorAll('iframe').length")
        wait(
            page,
            f"document.querySelector('.md-search__button').click() || {found}.includes('result') || {found}",
        )
        page.send("Input.insertText", text="rejection depth")
        wait(page, f"/[1-9][0-9]* results/.test({found})")
        assert "jaxgame.coalition.rejection_depth" in page.evaluate(found)
        assert not page.problems
        assert all(request.startswith(("file:", "data:")) for request in page.requests)


def wait(page: browser.Page, condition: str) -> None:
    deadline = time.monotonic() + 60
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, condition
        time.sleep(0.2)
