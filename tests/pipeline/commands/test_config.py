import tomllib

import pytest

from pipeline.cli import main


def test_config_prints_toml(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "--config", "nightly", "--set", "run.workers=3", "--id-key", "uuid"]) == 0
    printed = tomllib.loads(capsys.readouterr().out)
    assert printed["run"] == {"date": "", "workers": 3, "memory_gb": 0.0, "max_failures": 0.05}
    assert printed["input"]["id_key"] == "uuid"
