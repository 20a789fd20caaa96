"""What clusters are given: image, template, the source package of ``--setup_file``, the packaged configuration."""

import json
import re
import runpy
import shutil
import sys
import tarfile
from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.stager import Stager

import pipeline
from pipeline.cli import main
from pipeline.request import Request

ROOT = Path(__file__).parents[1]
IMAGE = runpy.run_path(str(ROOT / "deploy" / "image_check.py"))
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")


def test_the_image_is_built_on_the_beam_and_python_that_submit() -> None:
    (base,) = [arguments for instruction, arguments in IMAGE["steps"](DOCKERFILE) if instruction == "FROM"]
    pinned = re.search(r"^apache-beam==(.+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert base.endswith(f":{pinned[1]}")
    if sys.version_info[:2] == (3, 11):
        IMAGE["check_base"](base)
    with pytest.raises(IMAGE["ImageError"], match="but what submits has"):
        IMAGE["check_base"]("apache/beam_python3.9_sdk:2.77.0")


def test_the_image_holds_this_version() -> None:
    wheel = f"copydesk-{pipeline.__version__}-py3-none-any.whl"
    assert DOCKERFILE.count(wheel) == 2 and set(re.findall(r"copydesk-[^ ]+\.whl", DOCKERFILE)) == {wheel}


@pytest.mark.parametrize(
    ("dockerfile", "message"),
    [
        ("RUN false", "RUN false: it failed"),
        ("COPY nothing.txt /opt/", "there is no such file"),
        ("ENTRYPOINT x", "knows no ENTRYPOINT"),
    ],
)
def test_the_image_check_can_fail(
    dockerfile: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(IMAGE["run"].__globals__, "sys", FakeSys)
    with pytest.raises(IMAGE["ImageError"], match=message):
        IMAGE["run"](dockerfile, tmp_path, tmp_path)


class FakeSys:
    """A Python whose ``-m venv`` is done in no time."""

    executable = "true"


def test_the_image_check_carries_steps_out_in_their_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(IMAGE["run"].__globals__, "sys", FakeSys)
    (tmp_path / "a.txt").write_text("here")
    dockerfile = "COPY a.txt /opt/x/\nENV WHO=me\n# note\nRUN cat /opt/x/a.txt > seen && \\\n  echo $WHO >> seen"
    IMAGE["run"](dockerfile, tmp_path, tmp_path)
    assert (tmp_path / "seen").read_text() == "hereme\n"


def test_the_template_names_flags_and_values_that_there_are(requests: list[Request]) -> None:
    """As a launcher does: ``python FILE --name=value ...``, a value for each parameter that its pattern allows."""
    metadata = json.loads((ROOT / "deploy" / "dataflow" / "metadata.json").read_text(encoding="utf-8"))
    parameters = {parameter["name"]: parameter for parameter in metadata["parameters"]}
    assert [name for name, one in parameters.items() if not one.get("isOptional")] == ["input", "output", "until"]
    values = {
        "input": "gs://desk/pages",
        "output": "gs://desk/out",
        "set": "run.date=2026-11-24",
        "max_failures": "0.1",
    }
    choices = {"until": pipeline.PHASES, "config": ("distributed", "nightly", "local"), "format": ("parquet", "jsonl")}
    for name, options in choices.items():
        (pattern,) = parameters[name]["regexes"]
        assert set(pattern.split("|")) == set(options)
        values[name] = options[0]
    assert values.keys() == parameters.keys()
    for name, value in values.items():
        assert all(re.fullmatch(pattern, value) for pattern in parameters[name]["regexes"])
    assert main([f"--{name}={value}" for name, value in values.items()]) == 1
    (request,) = requests
    assert (request.inputs, request.output, request.until) == (("gs://desk/pages",), "gs://desk/out", "survey")
    assert (request.config.run.date, request.config.run.max_failures) == ("2026-11-24", 0.1)


def test_setup_file_sends_the_whole_package(tmp_path: Path) -> None:
    """Beam builds a source package of it for the workers to install: all that ships must be in there."""
    source = tmp_path / "source"
    source.mkdir()
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("pipeline", "transforms", "configs"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    options = PipelineOptions([f"--setup_file={source / 'setup.py'}"])
    (tmp_path / "staged").mkdir()
    Stager.create_job_resources(options, str(tmp_path / "staged"))
    (package,) = (tmp_path / "staged").glob("*.tar.gz")
    with tarfile.open(package) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    shipped = {
        str(path.relative_to(source))
        for folder in ("pipeline", "transforms", "configs")
        for path in (source / folder).rglob("*")
        if path.is_file()
    }
    assert shipped - packed == set()
