"""The site: every page has its place in it, and every link leads somewhere. `make docs` builds it strictly."""

import re
from pathlib import Path

import pytest
import yaml

FENCED = re.compile(r"^(`{3,}).*?^\1\s*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
DIRECTIVE = re.compile(r"^::: (\S+)$", re.MULTILINE)


def prose(page: Path) -> str:
    """A page without its code."""
    return re.sub(r"`[^`\n]+`", "", FENCED.sub("", page.read_text(encoding="utf-8")))


def anchors(page: Path) -> set[str]:
    """Names of a page's headings, as the site makes them (the strict build knows them exactly)."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in headings}


def listed(entries: list) -> list[str]:
    """Paths and patterns of the navigation, whatever they are called and however deep they lie."""
    found: list[str] = []
    for entry in entries:
        value = next(iter(entry.values())) if isinstance(entry, dict) else entry
        found += listed(value) if isinstance(value, list) else [value]
    return found


@pytest.fixture(scope="module")
def site(project: Path) -> Path:
    return project / "docs"


@pytest.fixture(scope="module")
def written(project: Path, site: Path) -> list[Path]:
    return [project / "README.md", project / "CONTRIBUTING.md", *sorted(site.rglob("*.md"))]


def test_every_page_is_in_the_navigation_and_every_entry_leads_to_pages(site):
    navigation = listed(yaml.safe_load((site / ".nav.yml").read_text(encoding="utf-8"))["nav"])
    reached = {entry: set(site.glob(entry)) for entry in navigation}
    assert [entry for entry, pages in reached.items() if not pages] == []
    pages = set(site.rglob("*.md")) - {site / "decisions/000-template.md"}
    missing = {str(page.relative_to(site)) for page in pages.difference(*reached.values())}
    assert not missing, f"add to docs/.nav.yml: {missing}"


def test_every_relative_link_leads_to_a_file_and_its_heading(project, written):
    dead = []
    for page in written:
        for link in LINK.findall(prose(page)):
            if re.match(r"[a-z]+:", link):
                continue
            path, _, heading = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            alive = target.is_file() or (target.is_dir() and page.name in {"README.md", "CONTRIBUTING.md"})
            if not alive or (heading and heading not in anchors(target)):
                dead.append(f"{page.relative_to(project)}: {link}")
    assert dead == []


def test_pages_link_within_the_site_only(site, written):
    """What lies outside of docs/ is not on the site."""
    pages = [page for page in written if site in page.parents]
    links = [(page, link.partition("#")[0]) for page in pages for link in LINK.findall(prose(page))]
    outside = [
        f"{page.relative_to(site)}: {path}"
        for page, path in links
        if path and not re.match(r"[a-z]+:", path) and site not in (page.parent / path).resolve().parents
    ]
    assert outside == []


def test_no_page_is_a_stub(site, written):
    """A heading and nothing below it, or a word in capitals that stands for what is to come."""
    stubs = []
    for page in written:
        text = page.read_text(encoding="utf-8")
        generated = DIRECTIVE.search(text) or "--8<--" in text
        if re.search(r"^[A-Z][A-Z_]{3,}$|\bTODO\b|\bTBD\b", prose(page), re.MULTILINE):
            stubs.append(f"{page.name}: a word stands for what is to come")
        elif len(text.split()) < 60 and not generated:
            stubs.append(f"{page.name}: hardly anything in it")
    assert stubs == []


def test_the_reference_names_modules_that_exist(project, site):
    named = [name for page in (site / "reference").glob("*.md") for name in DIRECTIVE.findall(page.read_text())]
    assert len(named) == len(set(named)) > 20
    for name in named:
        place = project / "src" / name.replace(".", "/")
        assert (place / "__init__.py").is_file() or place.with_suffix(".py").is_file(), name


def test_nothing_is_fetched_by_the_pages(project):
    settings = yaml.safe_load((project / "mkdocs.yml").read_text(encoding="utf-8"))
    assert settings["strict"] is True
    assert settings["theme"]["font"] is False
    assert "offline" not in settings["plugins"]  # it asks unpkg.com for a script
    assert not {"extra_javascript", "extra_css", "repo_url"} & set(settings)
