"""The tree itself: sizes, docstrings, documents that name what exists, and no test that hides."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

from i2ptunnel.cli.main import build_parser

ROOT = Path(__file__).parents[1]
LINES_MAX = 600
SOURCES = sorted(path for room in ("core", "i2ptunnel") for path in (ROOT / room).rglob("*.py"))
#: who may skip: without Linux, systemd, root, Node.js or a Python before 3.10, and a project inside
#: a test; all else must fail
SKIPS = {
    "tests/i2ptunnel/backup/test_backup.py",
    "tests/i2ptunnel/test_rights.py",
    "tests/i2ptunnel/test_systemd.py",
    "tests/interop/test_ipv6_firewalls.py",
    "tests/interop/test_nat_boxes.py",
    "tests/interop/test_emissary_hybrid.py",
    "tests/interop/test_further_peers.py",
    "tests/interop/test_port_mapping.py",
    "tests/interop/test_proxied_router.py",
    "tests/interop/test_sam_libraries.py",
    "tests/io/test_udp.py",
    "tests/io/test_udp_guard.py",
    "tests/release/test_clean_roots.py",
    "tests/release/test_debian.py",
    "tests/release/test_first_steps.py",
    "tests/release/test_install_page.py",
    "tests/test_rerun.py",
}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_a_module_says_what_it_is_and_fits_in_a_head() -> None:
    texts = {name(path): path.read_text() for path in SOURCES}
    assert len(texts) > 200
    assert [path for path, text in texts.items() if not ast.get_docstring(ast.parse(text))] == []
    assert [path for path, text in texts.items() if text.count("\n") > LINES_MAX] == []


def test_documents_have_no_dead_links() -> None:
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")):
        for link in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text()):
            path, _, anchor = link.partition("#")
            target = page.parent / path if path else page
            assert target.exists(), (page.name, link)
            headings = re.findall(r"^#+ (.*)$", target.read_text(), re.M) if anchor else []
            anchors = {re.sub(r"[^a-z0-9 _-]", "", h.lower()).replace(" ", "-") for h in headings}
            assert not anchor or anchor in anchors, (page.name, link)


def test_architecture_names_every_room() -> None:
    text = (ROOT / "docs/ARCHITECTURE.md").read_text()
    words = set(re.findall(r"\w+", text))
    rooms = {path.name for path in (ROOT / "core").iterdir() if (path / "__init__.py").exists()}
    rooms |= {path.stem for path in (ROOT / "i2ptunnel").iterdir() if path.suffix in ("", ".py")}
    rooms -= {"__init__", "__main__", "__pycache__", "py"}
    assert rooms - words == set()


def test_readme_names_every_command() -> None:
    table = re.findall(r"^\| (`.*?) \|", (ROOT / "README.md").read_text(), re.M)
    named = {word for row in table for word in re.findall(r"`(\w+)`", row)}
    commands = re.findall(r"^    (\w+) {2,}", build_parser().format_help(), re.M)
    assert len(commands) > 5
    assert set(commands) <= named


def test_no_test_is_skipped_where_something_is_missing() -> None:
    words = re.compile(r"\b(skipif|importorskip|xfail|pytest\.skip)\b")
    found = {
        name(path)
        for path in (ROOT / "tests").rglob("*.py")
        if path != Path(__file__) and words.search(path.read_text())
    }
    assert found <= SKIPS


def test_the_program_installs_what_it_imports_and_nothing_else() -> None:
    """``make demo`` and ``pip install`` fetch these; linters and test tools are an extra."""
    modules: set[str] = set()
    for path in SOURCES:
        if path.is_relative_to(ROOT / "core/native"):  # a distribution of its own
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules.add(node.module.partition(".")[0])
    modules -= {*sys.stdlib_module_names, "core", "i2ptunnel", "i2ptunnel_native"}
    owners = packages_distributions()
    imported = {owners[module][0].lower().replace("_", "-") for module in modules}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    lines = project["dependencies"] + extras["geoip"] + extras["upnp"] + extras["torrents"]
    declared = {re.split(r"[\[>=]", line)[0].lower() for line in lines}
    assert imported == declared
    table = (ROOT / "docs/ARCHITECTURE.md").read_text().split("## Libraries")[1].split("\n\n")[2]
    rows = [line.split("|")[1] for line in table.splitlines()[2:]]
    assert {name.strip() for row in rows for name in row.split(",")} == declared
