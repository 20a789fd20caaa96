"""What the documents say is so: settings, columns, roles, links, and the lines that readers copy."""

import ast
import doctest
import re
import runpy
from pathlib import Path

import pytest

from pipeline import TABLES
from pipeline.engine import choose_engine
from pipeline.sinks import SCHEMAS
from transforms.types import PAGE_KINDS, ROLES

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def section(document: str, heading: str) -> str:
    """The text between a heading and the next one of its level or above."""
    level = heading.partition(" ")[0]
    _, found, rest = f"\n{document}".partition(f"\n{heading}\n")
    assert found, f"no heading {heading!r}"
    return re.split(rf"\n#{{1,{len(level)}}} ", rest)[0]


def first_cells(table: str) -> list[str]:
    """The names in backticks in the first column of the tables in a text."""
    return re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)


def test_the_configuration_reference_is_that_of_the_source() -> None:
    build = runpy.run_path(str(ROOT / "docs" / "build_configuration.py"))
    assert text_of("docs/configuration.md") == build["render"](), "stale: run python docs/build_configuration.py"


@pytest.mark.parametrize("table", TABLES)
def test_the_data_model_names_every_field_in_its_order(table: str) -> None:
    names = first_cells(section(text_of("docs/data-model.md"), f"## `{table}/`"))
    assert names == SCHEMAS[table].names


def test_the_data_model_explains_every_role_and_kind() -> None:
    document = text_of("docs/data-model.md")
    assert first_cells(section(document, "## Roles")) == list(ROLES)
    assert first_cells(section(document, "## Page kinds")) == list(PAGE_KINDS)


def failure_names() -> set[str]:
    """The error names in all calls that make a failure or an exception that becomes one."""
    makers = {"Failure", "failure", "_failure", "DamageError", "PageError"}
    names = set()
    for path in [*(ROOT / "pipeline").rglob("*.py"), *(ROOT / "transforms").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            function = getattr(node, "func", None)
            if getattr(function, "id", getattr(function, "attr", None)) in makers:
                texts = (part.value for part in ast.walk(node) if isinstance(part, ast.Constant))
                names |= {text for text in texts if isinstance(text, str) and re.fullmatch("[a-z_]+", text)}
    return names - {"read"}  # a stage


def test_every_failure_that_the_source_can_make_is_explained() -> None:
    made = failure_names()
    assert {"bad_record", "no_vector", "corrupt", "internal", "repeated_record"} <= made
    for document in ("docs/data-model.md", "docs/operations.md"):
        explained = first_cells(section(text_of(document), "## Failures by name"))
        assert made - set(explained) == set(), document


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files_and_headings(path: Path) -> None:
    document = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", document):
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name) if name else path
        assert target.exists(), f"{path.name}: {link}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in anchors, f"{path.name}: {link}"


def test_beam_accepts_the_flags_of_the_commands_for_other_engines() -> None:
    document = text_of("docs/running.md").replace("\\\n", "")
    commands = re.findall(r"^copydesk run .* -- (.+)$", document, re.MULTILINE)
    engines = [choose_engine(command.split(), workers=1).name for command in commands]
    assert engines == ["PortableRunner", "PortableRunner", "FlinkRunner", "SparkRunner", "DataflowRunner"]


@pytest.mark.parametrize("name", ["concepts", "tutorial", "python"])
def test_the_examples_of_the_documents_run(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    outcome = doctest.testfile(str(ROOT / "docs" / f"{name}.md"), module_relative=False)
    assert outcome.attempted > 5 and outcome.failed == 0
