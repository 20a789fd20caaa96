from pipeline import RunError, logs


def test_errors_are_described_in_one_line() -> None:
    assert logs.describe(RunError("records were lost")) == "records were lost"
    assert logs.describe(ValueError()) == "ValueError"
    assert logs.describe(RuntimeError("Traceback:\n  line 1\nKeyError: 'x'\n\n")) == "RuntimeError: KeyError: 'x'"
