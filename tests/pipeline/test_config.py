import re
from dataclasses import fields
from pathlib import Path

import pytest

from pipeline import UsageError, config
from pipeline.config import ConfigError
from transforms import settings


def error_of(*overrides: str, name: str | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        config.load(name, overrides)
    return str(caught.value)


def test_the_defaults_are_those_of_the_dataclasses() -> None:
    loaded = config.load()
    assert loaded.input == settings.InputSettings()
    assert loaded.input.text_key == "text"
    assert loaded.embed.model == "minilm"
    assert loaded.run.max_failures == 0.5


def test_overrides_are_converted_to_the_type_of_the_setting_and_the_last_one_wins() -> None:
    loaded = config.load(
        None,
        [
            "input.clean=true",
            "input.max_bytes=5_000",
            "cluster.duplicate=1",
            "embed.model= hashing ",
            "segment.model=a=b.npz",
            "run.workers=2",
            "run.workers=3",
        ],
    )
    assert loaded.input.clean is True
    assert loaded.input.max_bytes == 5000
    assert loaded.cluster.duplicate == 1.0
    assert isinstance(loaded.cluster.duplicate, float)
    assert loaded.embed.model == "hashing"
    assert loaded.segment.model == "a=b.npz"
    assert loaded.run.workers == 3


def test_a_packaged_configuration_changes_only_what_it_names() -> None:
    nightly = config.load("nightly")
    assert nightly.run.max_failures == 0.05
    assert nightly.input == settings.InputSettings(only_new=True)
    assert config.load("nightly", ["run.max_failures=0.2"]).run.max_failures == 0.2


@pytest.mark.parametrize("name", ["local", "nightly", "distributed"])
def test_every_packaged_configuration_loads_and_differs_from_the_defaults(name: str) -> None:
    assert config.load(name) != config.load()


def test_a_file_is_loaded_and_a_date_needs_no_quotes(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[run]\ndate = 2026-11-24\n[input]\ntext_key = "body"\n', encoding="utf-8")
    loaded = config.load(str(file))
    assert loaded.run.date == "2026-11-24"
    assert loaded.input.text_key == "body"


def test_a_dump_loads_as_the_same_settings(tmp_path: Path) -> None:
    overrides = ["input.clean=true", "run.date=2026-11-24", "cluster.story=0.55", "cluster.topic=0.2"]
    loaded = config.load("distributed", overrides)
    file = tmp_path / "dump.toml"
    file.write_text(config.dump(loaded), encoding="utf-8")
    assert config.load(str(file)) == loaded
    assert config.dump(loaded).startswith('[input]\ntext_key = "text"\n')


def test_errors_of_overrides() -> None:
    assert error_of("embed.modle=x") == "unknown setting 'embed.modle' (did you mean 'embed.model'?)"
    assert error_of("embed.zzzz=x") == "unknown setting 'embed.zzzz'"
    assert error_of("embd.model=x") == "unknown section 'embd' (did you mean 'embed'?)"
    needs = "--set needs section.key=value, for example embed.model=minilm, not "
    assert error_of("embed") == needs + "'embed'"
    assert error_of("embed.model") == needs + "'embed.model'"
    assert error_of("embed=minilm") == needs + "'embed=minilm'"
    assert error_of("input.clean=yes") == "input.clean must be true or false, not 'yes'"
    assert error_of("embed.batch_size=many") == "embed.batch_size must be a whole number, not 'many'"
    assert error_of("embed.batch_size=1.5") == "embed.batch_size must be a whole number, not '1.5'"
    assert error_of("cluster.story=high") == "cluster.story must be a number, not 'high'"


def test_errors_of_ranges() -> None:
    assert error_of("input.text_key=") == "input.text_key must not be empty, not ''"
    assert error_of("input.max_bytes=0") == "input.max_bytes must be at least 1, not 0"
    assert error_of("segment.method=magic") == "segment.method must be 'model' or 'readability', not 'magic'"
    assert error_of("segment.min_confidence=2") == "segment.min_confidence must lie between 0 and 1, not 2.0"
    assert error_of("embed.max_tokens=1") == "embed.max_tokens must lie between 8 and 8192, not 1"
    assert error_of("cluster.duplicate=0") == "cluster.duplicate must lie above 0 and not above 1, not 0.0"
    assert error_of("output.format=csv") == "output.format must be 'parquet' or 'jsonl', not 'csv'"
    assert error_of("output.shards=-1") == "output.shards must be 0 or more, not -1"
    date = "run.date must be empty or a date such as 2026-11-24, not "
    assert error_of("run.date=yesterday") == date + "'yesterday'"
    assert error_of("run.date=20261124") == date + "'20261124'"
    assert error_of("run.workers=-1") == "run.workers must lie between 0 and 1024, not -1"
    assert error_of("run.max_failures=nan") == "run.max_failures must lie between 0 and 1, not nan"


def test_wider_groups_must_not_have_higher_thresholds() -> None:
    assert error_of("cluster.story=0.5", "cluster.topic=0.7") == (
        "cluster.topic (0.7) must not be above cluster.story (0.5): a topic is the wider group"
    )
    # A share of words and a similarity do not compare.
    assert config.load(overrides=["cluster.story=0.9", "cluster.duplicate=0.8"]).cluster.story == 0.9


def test_errors_of_names_and_files(tmp_path: Path) -> None:
    assert error_of(name="nigthly") == (
        "no configuration 'nigthly': it is not a file, and the packaged ones are distributed, local, nightly "
        "(did you mean 'nightly'?)"
    )
    file = tmp_path / "mine.toml"

    def error_in(text: str) -> str:
        file.write_text(text, encoding="utf-8")
        return error_of(name=str(file))

    assert error_in("[embed\n").startswith(f"{file} is not valid TOML: ")
    file.write_bytes(b'[embed]\nmodel = "caf\xe9"\n')
    assert error_of(name=str(file)) == f"{file} is not valid TOML: it is not UTF-8 at byte 20"
    assert error_in("embed = 1\n") == f"'embed' in {file} is a section: write [embed] and its settings below it"
    assert error_in("[embde]\n") == f"unknown section 'embde' in {file} (did you mean 'embed'?)"
    assert error_in("[embed]\nbatch = 3\n") == (
        f"unknown setting 'embed.batch' in {file} (did you mean 'embed.batch_size'?)"
    )
    assert error_in("[embed]\nmodel = 3\n") == f"embed.model in {file} must be a text in quotes, not 3"
    assert error_in("[run]\nworkers = true\n") == f"run.workers in {file} must be a whole number, not True"
    assert error_in(f"a = {'[' * 5_000}\n") == f"{file} cannot be used: maximum recursion depth exceeded"
    assert error_in(f"a = {'9' * 5_000}\n").startswith(f"{file} cannot be used: Exceeds the limit")
    wrong_text = f"segment.words in {file} must be text in UTF-8 without NUL characters, not "
    assert error_in('[segment]\nwords = "a\\u0000"\n') == wrong_text + "'a\\x00'"
    assert error_of("input.id_key=\udcff").endswith("without NUL characters, not '\\udcff'")
    assert error_of("run.workers=100000") == "run.workers must lie between 0 and 1024, not 100000"
    assert error_of(name="x" * 5_000).startswith("no configuration 'xxx")
    assert error_in(f"[input]\nmax_bytes = {10**16}\n") == (
        f"input.max_bytes in {file} must be at most 1000000000000000, not 10000000000000000"
    )
    assert error_in("[run]\nworkers = 1.0\n") == f"run.workers in {file} must be a whole number, not 1.0"


def test_a_configuration_error_is_a_usage_error() -> None:
    assert issubclass(ConfigError, UsageError)


def test_every_setting_has_a_comment_and_all_but_free_texts_have_a_range() -> None:
    source = Path(settings.__file__).read_text(encoding="utf-8")
    ruled = {name for name, _, _ in config._RULES}
    checked_elsewhere = ("segment.model", "segment.sites", "segment.rules", "segment.words")  # where the files are read
    for section in fields(config.Config):
        for setting in fields(type(getattr(config.Config(), section.name))):
            assert re.search(rf"^    {setting.name}: .+  # \S", source, re.MULTILINE), setting.name
            free = setting.type in ("bool",) or f"{section.name}.{setting.name}" in checked_elsewhere
            assert free or f"{section.name}.{setting.name}" in ruled, setting.name
