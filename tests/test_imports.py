"""The rules of the house that the source shows: who may import whom, and who may open, print and load."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pipeline

ROOT = Path(__file__).parents[1]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for top in ("pipeline", "transforms")
    for path in sorted((ROOT / top).rglob("*.py"))
}

# The layers from the bottom up; a module imports from its own layer and those below.
LAYERS = (
    r"transforms|transforms\.(types|settings)|pipeline",
    r"transforms\.core(\..+)?",
    r"transforms\.(coders|metrics|time_limit|page_stage)",
    r"transforms\.\w+",
    r"pipeline\.(config|rules|s3|files|locks|streams|formats(\..+)?|sources|tables|sinks|logs|progress|html|charts"
    r"|front_matter)",
    r"pipeline\.(workspace|worker|engine|join_pages|site_files)",
    r"pipeline\.(state|inbox|plan|request)",
    r"pipeline\.identity",
    r"pipeline\.(prepare|passes|leave|manifest)",
    r"pipeline\.report_counts",
    r"pipeline\.report_clusters",
    r"pipeline\.(phases(\..+)?|report|explain|explain_html|find_page|diff)",
    r"pipeline\.export_\w+",
    r"pipeline\.(runner|export)",
    r"pipeline\.commands(\..+)?",
    r"pipeline\.cli",
    r"pipeline\.__main__",
)
MAY_OPEN = {"pipeline.config", "pipeline.sources", "pipeline.sinks", "pipeline.streams", "pipeline.files"}
MAY_PRINT = re.compile(r"pipeline\.(cli|commands\..+)")


def layer(module: str) -> int:
    return next(i for i, pattern in enumerate(LAYERS) if re.fullmatch(pattern, module))


def imported(tree: ast.AST) -> Iterator[str]:
    """All modules that a file imports, at its top or inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in MODULES else str(node.module) for name in names)


def at_import(tree: ast.Module) -> Iterator[str]:
    """The modules that are imported when the file is."""
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from imported(node)


def calls(tree: ast.AST, name: str) -> bool:
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
        for node in ast.walk(tree)
    )


def parsed(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def test_there_is_something_to_check() -> None:
    assert {
        "pipeline.cli",
        "pipeline.runner",
        "transforms.types",
        "transforms.core.segment",
    } <= MODULES.keys()


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_one_way(module: str) -> None:
    for other in imported(parsed(module)):
        if other in MODULES:
            assert layer(other) <= layer(module), f"{module} imports {other}"


@pytest.mark.parametrize("module", MODULES)
def test_core_never_imports_beam_and_only_encoders_load_torch(module: str) -> None:
    tree = parsed(module)
    tops = {name.partition(".")[0] for name in imported(tree)}
    if layer(module) <= 1:
        assert "apache_beam" not in tops
    models = {"torch", "sentence_transformers", "transformers"}
    assert not models & {name.partition(".")[0] for name in at_import(tree)}
    if module != "transforms.core.encoders":
        assert not models & tops


@pytest.mark.parametrize("module", MODULES)
def test_only_the_ends_open_files_and_only_the_command_line_prints(module: str) -> None:
    tree = parsed(module)
    assert module in MAY_OPEN or not calls(tree, "open")
    assert MAY_PRINT.fullmatch(module) or not calls(tree, "print")


def printed_without(modules: set[str], *command: str) -> str:
    """Run a command in a Python of its own, and return what it prints; it must not import the modules."""
    check = (
        f"import sys; from pipeline.cli import main; status = main({list(command)!r}); "
        f"heavy = {modules!r} & set(sys.modules); sys.exit(status or str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_help_imports_nothing_heavy() -> None:
    heavy = {"apache_beam", "torch", "numpy", "pyarrow", "lxml"}
    assert "copydesk run pages/ -o out" in printed_without(heavy, "--help")


def test_a_page_is_explained_without_beam_and_torch() -> None:
    page = min((ROOT / "tests" / "data" / "demo" / "harbour-courier").rglob("*.html"))
    assert "title" in printed_without({"apache_beam", "pandas", "pyarrow", "torch"}, "explain", str(page))


def test_the_libraries_that_are_imported_are_the_requirements() -> None:
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    required = {name.replace("-", "_") for name in re.findall(r'^ {8}"([a-z0-9-]+)[>=]', setup, re.MULTILINE)}
    used = {name.partition(".")[0] for module in MODULES for name in imported(parsed(module))}
    used -= {"pipeline", "transforms", *sys.stdlib_module_names}
    used -= {"huggingface_hub", "tokenizers", "transformers", "grpc"}  # parts of sentence-transformers and of Beam
    used = {name.replace("vl_convert", "vl_convert_python") for name in used}
    used = (used - {"readability"}) | {"readability_lxml", "lxml_html_clean"}  # which needs the other one
    used = (used - {"re2"}) | {"google_re2"}
    assert used == required


def test_every_file_of_the_packages_ships() -> None:
    (call,) = (
        node.value
        for node in ast.parse((ROOT / "setup.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    )
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    shipped = {
        file
        for package, patterns in ast.literal_eval(keywords["package_data"]).items()
        for pattern in [*patterns, "*.py"]
        for file in (ROOT / package.replace("pipeline.configs", "configs").replace(".", "/")).glob(pattern)
    }
    shipped |= {
        file
        for package in ast.literal_eval(keywords["packages"])
        for file in (ROOT / package.replace(".", "/")).glob("*.py")
    }
    present = {
        file
        for top in ("pipeline", "transforms", "configs")
        for file in (ROOT / top).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert present - shipped == set()


def test_the_version_is_one() -> None:
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    assert f'version="{pipeline.__version__}"' in setup
