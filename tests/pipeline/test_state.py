import fcntl
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import TABLES, UsageError, runner
from pipeline.sinks import read_table, write_rows
from pipeline.state import State, StateError, read_registry
from transforms.core.vector_cache import VectorCache

Run = Callable[..., dict[str, Any]]
Tables = Callable[[Path], dict[str, list[dict[str, Any]]]]
WriteJsonl = Callable[..., Path]

MADE = {"embed.model": "minilm (53aa)", "cluster.story": 0.28}
CLEAN = "input.clean=true"

FERRY = "The night ferry to Sallow struck the outer breakwater in thick fog and sixty passengers were taken off."
INQUIRY = "An inquiry into the night ferry to Sallow that struck the outer breakwater in thick fog opened on Friday."
CUP = "Harriers win the cup at Aldermoor after extra time, before a crowd of nine thousand in the rain."
MONDAY = [{"id": "ferry", "title": "Ferry", "text": FERRY}, {"id": "cup", "title": "Cup", "text": CUP}]
TUESDAY = [
    {"id": "later", "title": "Ferry", "text": FERRY.upper()},
    {"id": "inquiry", "title": "Inquiry", "text": INQUIRY},
    {
        "id": "a-new-one",
        "title": "Pie",
        "text": "Rub the butter into the flour and bake the crumble until it is golden.",
    },
]


def contents(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def forwards(directory: Path, from_id: str) -> Path:
    """A table that a run leaves."""
    row = {"level": "story", "from_id": from_id, "to_id": "s2", "reason": "merge"}
    directory.mkdir(parents=True)
    write_rows(str(directory / "part-00000-of-00001.parquet"), "forwards", [row], "parquet")
    return directory


# The directory


def test_a_commit_replaces_some_tables_and_keeps_the_others(tmp_path: Path) -> None:
    first, second = forwards(tmp_path / "a", "s1"), forwards(tmp_path / "b", "s3")
    state = State(str(tmp_path / "state"))
    with state.lock(MADE):
        assert (state.directory, state.table("forwards"), state.before("monday")) == ("", "", "")
        state.commit("monday", {"forwards": str(first), "sites": str(first)})
        monday = state.generation
        state.commit("tuesday", {"forwards": str(second)})
    later = State(str(tmp_path / "state"))
    with later.lock(MADE):
        assert contents(Path(later.table("forwards"))) == contents(second)
        assert contents(Path(later.table("sites"))) == contents(first)
        assert later.holds("monday") and later.holds("tuesday") and not later.holds("wednesday")
        assert (later.before("monday"), later.before("tuesday")) == ("", monday)
        assert later.before("wednesday") == later.generation != monday
        assert [forward["from_id"] for forward in read_table(later.table("forwards"))] == ["s3"]
    assert {path.name for path in (tmp_path / "state").iterdir()} == {"lock", "state.json", later.generation}


def test_a_commit_of_the_same_keeps_the_generation(tmp_path: Path) -> None:
    table = forwards(tmp_path / "a", "s1")
    state = State(str(tmp_path / "state"))
    with state.lock(MADE):
        state.commit("monday", {"forwards": str(table)})
        before = state.generation
        state.commit("monday, elsewhere", {"forwards": str(table)})
        assert (state.generation, state.holds("monday, elsewhere")) == (before, True)


def test_a_commit_that_breaks_off_leaves_the_state_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = State(str(tmp_path / "state"))
    with state.lock(MADE):
        state.commit("monday", {"forwards": str(forwards(tmp_path / "a", "s1"))})
    before = contents(tmp_path / "state")
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(State, "_point", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with State(str(tmp_path / "state")).lock(MADE):
            state.commit("tuesday", {"forwards": str(forwards(tmp_path / "b", "s3"))})
    assert len(contents(tmp_path / "state")) > len(before)  # a whole generation that is not the current one
    with State(str(tmp_path / "state")).lock(MADE):
        pass
    assert contents(tmp_path / "state") == before


def with_content(**changes: Any) -> Callable[[Path], None]:
    def change(state: Path) -> None:
        content = json.loads((state / "state.json").read_text())
        (state / "state.json").write_text(json.dumps(content | changes))

    return change


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (with_content(format=0), "an older version of Copydesk (format 0, this version has 1)"),
        (with_content(format=2), "a newer version of Copydesk (format 2, this version has 1): use that version"),
        (with_content(made_with={**MADE, "cluster.story": 0.3}), "cluster.story was 0.3 and is 0.28"),
        (with_content(generation="000009-0123456789abcdef"), "000009-0123456789abcdef is missing"),
        (lambda state: (state / "state.json").write_text("{"), "state.json is damaged"),
        (lambda state: (state / "state.json").write_text("[1]"), "state.json is damaged"),
        (lambda state: (state / "state.json").write_text("[" * 100_000), "state.json is damaged"),
        (with_content(format=float("inf")), "state.json is damaged"),
        (with_content(made_with=[]), "state.json is damaged"),
        (with_content(generation="../elsewhere"), "state.json is damaged"),
        (lambda state: (state / "state.json").unlink(), "its state.json is gone"),
        (lambda state: (state / "mine.txt").write_text("x"), "it holds mine.txt"),
    ],
    ids=[
        "older",
        "newer",
        "settings",
        "generation",
        "json",
        "list",
        "deep",
        "infinite",
        "made_with",
        "outside",
        "gone",
        "foreign",
    ],
)
def test_a_state_that_cannot_be_gone_on_from_is_refused_and_left_alone(
    spoil: Callable[[Path], None], says: str, tmp_path: Path
) -> None:
    root = tmp_path / "state"
    with (state := State(str(root))).lock(MADE):
        state.commit("monday", {"forwards": str(forwards(tmp_path / "a", "s1"))})
    spoil(root)
    before = contents(root)
    with pytest.raises(UsageError) as caught, State(str(root)).lock(MADE):
        pass
    assert says in str(caught.value)
    assert contents(root) == before


def test_settings_bind_only_once_there_is_something(tmp_path: Path) -> None:
    with State(str(tmp_path / "state")).lock(MADE):
        pass
    with (state := State(str(tmp_path / "state"))).lock({**MADE, "cluster.story": 0.3}):
        state.commit("monday", {"forwards": str(forwards(tmp_path / "a", "s1"))})
    with pytest.raises(UsageError, match=r"cluster\.story was 0\.3"), State(str(tmp_path / "state")).lock(MADE):
        pass


def test_a_state_in_use_is_refused(tmp_path: Path) -> None:
    with (
        State(str(tmp_path / "state")).lock(MADE),
        pytest.raises(UsageError, match=r"another run is using the state .*/state \(process \d+ on .+\)"),
        State(str(tmp_path / "state")).lock(MADE),
    ):
        pass


@pytest.mark.parametrize(("root", "says"), [("gs://bucket/state", "on this machine"), ("file", "is a file")])
def test_what_can_be_no_state_directory_is_refused(
    root: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    with pytest.raises(UsageError, match=says):
        State(root)


# Runs


@pytest.fixture
def day(write_jsonl: WriteJsonl, tmp_path: Path, run_pages: Run) -> Callable[..., dict[str, Any]]:
    """Run one day's records with a state, into a directory of that day."""

    def run(name: str, records: list[dict[str, Any]], *settings: str, out: str = "", **options: Any) -> dict[str, Any]:
        inbox = tmp_path / "in" / name / f"{name}.jsonl"
        if not inbox.exists():  # written anew, it would be another input
            write_jsonl(f"in/{name}/{name}.jsonl", records)
        dated = (CLEAN, f"run.date={name}", *settings)
        return run_pages([inbox], tmp_path / "out" / (out or name), *dated, state=str(tmp_path / "state"), **options)

    return run


def story_ids(found: dict[str, list[dict[str, Any]]]) -> dict[str, str]:
    return {row["id"]: row["story_cluster"] for row in found["stories"]}


def test_clusters_keep_their_ids_from_day_to_day(day: Callable[..., Any], tmp_path: Path, tables: Tables) -> None:
    day("2026-11-02", MONDAY)
    manifest = day("2026-11-03", TUESDAY)
    monday, tuesday = (tables(tmp_path / "out" / date) for date in ("2026-11-02", "2026-11-03"))
    assert tuesday.keys() == set(TABLES)
    before, after = story_ids(monday), story_ids(tuesday)
    assert after["later"] == after["inquiry"] == before["ferry"]
    assert after["a-new-one"] not in before.values()
    later = next(row for row in tuesday["stories"] if row["id"] == "later")
    assert later["duplicate_of"] == {"id": "ferry", "similarity": 1.0}
    ferry = next(row for row in tuesday["clusters"] if row["cluster_id"] == before["ferry"])
    assert (ferry["size"], ferry["first_seen"], ferry["last_seen"]) == (3, "2026-11-02", "2026-11-03")
    assert ferry["forwarded_from"] == []
    assert {row["id"] for row in tuesday["members"]} == {"later", "inquiry", "a-new-one"}
    assert before["cup"] not in {row["cluster_id"] for row in tuesday["clusters"]}  # nothing of it on this day
    assert manifest["counts"]["known_members"] == 5
    assert manifest["state"] == str(tmp_path / "state")


def test_the_same_day_again_changes_nothing(day: Callable[..., Any], tmp_path: Path, tables: Tables) -> None:
    day("2026-11-02", MONDAY)
    day("2026-11-03", TUESDAY)
    state = contents(tmp_path / "state")
    first = tables(tmp_path / "out" / "2026-11-03")
    day("2026-11-03", TUESDAY)  # complete: nothing to do
    assert contents(tmp_path / "state") == state
    day("2026-11-03", TUESDAY, out="elsewhere")
    after = contents(tmp_path / "state")
    assert {name: content for name, content in after.items() if name != "state.json"} == {
        name: content for name, content in state.items() if name != "state.json"
    }
    for name, rows in tables(tmp_path / "out" / "elsewhere").items():
        assert rows == first[name]
    # An earlier day, again: its ids are still those.
    day("2026-11-02", MONDAY, out="monday again")
    again, before = (story_ids(tables(tmp_path / "out" / name)) for name in ("monday again", "2026-11-02"))
    assert again == before


def test_a_state_that_has_lost_a_complete_run_gets_it_again(
    day: Callable[..., Any], tmp_path: Path, tables: Tables, record_passes: Callable[[], list[str]]
) -> None:
    day("2026-11-02", MONDAY)
    first, ids = contents(tmp_path / "state"), story_ids(tables(tmp_path / "out" / "2026-11-02"))
    shutil.rmtree(tmp_path / "state")
    ran = record_passes()
    day("2026-11-02", MONDAY)
    assert ran == ["cluster", "tables"]
    assert contents(tmp_path / "state") == first
    assert story_ids(tables(tmp_path / "out" / "2026-11-02")) == ids


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_run_that_dies_around_its_commit_is_completed_by_the_same_command(
    moment: str, day: Callable[..., Any], tmp_path: Path, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    day("2026-11-02", MONDAY)
    original = State.commit

    def dying(self: State, *arguments: Any) -> None:
        if moment == "after":
            original(self, *arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(State, "commit", dying)
        day("2026-11-03", TUESDAY)
    out = tmp_path / "out" / "2026-11-03"
    assert not (out / "_SUCCESS").exists()
    members = len(read_registry(str(next((tmp_path / "state").glob("0*")))).members)
    assert members == (2 if moment == "before" else 5)
    monkeypatch.setitem(runner.STEPS, "cluster", lambda *_: pytest.fail("what is done is not done again"))
    day("2026-11-03", TUESDAY)
    assert (out / "_SUCCESS").exists()
    assert len(read_registry(str(next((tmp_path / "state").glob("0*")))).members) == 5
    assert not (out / ".work" / "cluster" / "state").exists()
    assert story_ids(tables(out))["later"] == story_ids(tables(tmp_path / "out" / "2026-11-02"))["ferry"]


def test_a_run_that_died_goes_on_from_what_others_have_left_meanwhile(
    day: Callable[..., Any], tmp_path: Path, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(State, "commit", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        day("2026-11-03", TUESDAY)
    day("2026-11-02", MONDAY)
    day("2026-11-03", TUESDAY)
    monday, tuesday = (story_ids(tables(tmp_path / "out" / date)) for date in ("2026-11-02", "2026-11-03"))
    assert tuesday["later"] == monday["ferry"]
    assert len(read_registry(str(next((tmp_path / "state").glob("0*")))).members) == 5


@pytest.mark.parametrize("spoil", ["cut", "empty", "other columns", "gone"])
def test_a_state_whose_tables_are_damaged_ends_the_run_and_is_left_alone(
    spoil: str, day: Callable[..., Any], tmp_path: Path
) -> None:
    day("2026-11-02", MONDAY)
    (members,) = (tmp_path / "state").glob("0*/members/part-*")
    content = members.read_bytes()
    members.write_bytes({"cut": content[: len(content) // 2]}.get(spoil, b""))
    if spoil == "other columns":
        pq.write_table(pa.table({"id": ["a"]}), members)
    elif spoil == "gone":
        shutil.rmtree(members.parent)
    before = contents(tmp_path / "state")
    with pytest.raises(StateError, match=r"is damaged.*restore the state from a backup"):
        read_registry(str(next((tmp_path / "state").glob("0*"))))
    with pytest.raises(Exception, match=r"is damaged.*restore the state from a backup"):
        day("2026-11-03", TUESDAY)
    assert {**contents(tmp_path / "state"), "lock": b""} == {**before, "lock": b""}


def test_a_day_without_stories_keeps_what_is_known(day: Callable[..., Any], tmp_path: Path, tables: Tables) -> None:
    day("2026-11-02", MONDAY)
    day("2026-11-03", [{"id": "nothing", "title": "...", "text": "..."}])
    assert len(read_registry(str(next((tmp_path / "state").glob("0*")))).members) == 2
    assert tables(tmp_path / "out" / "2026-11-03")["clusters"] == []
    day("2026-11-04", TUESDAY)
    ids = story_ids(tables(tmp_path / "out" / "2026-11-04"))
    assert ids["later"] == story_ids(tables(tmp_path / "out" / "2026-11-02"))["ferry"]


def test_no_text_is_embedded_twice(day: Callable[..., Any], tables: Tables, tmp_path: Path) -> None:
    def read(manifest: dict[str, Any]) -> tuple[int, int]:
        counts = manifest["phases"]["embed"]["counts"]
        return counts["encoded"], counts["from_cache"]

    assert read(day("2026-11-02", MONDAY)) == (2, 0)
    assert read(day("2026-11-02", MONDAY, out="again")) == (0, 2)
    assert read(day("2026-11-03", [*MONDAY, *TUESDAY])) == (3, 2)
    (left,) = (tmp_path / "state").glob("0*/embeddings")
    assert len(VectorCache.load(str(left))) == 5
    assert tables(tmp_path / "out" / "again") == tables(tmp_path / "out" / "2026-11-02")


def test_stories_that_are_too_old_are_forgotten(day: Callable[..., Any], tmp_path: Path) -> None:
    day("2026-11-02", MONDAY)
    day("2026-12-24", TUESDAY, "state.keep_days=40")
    registry = read_registry(str(next((tmp_path / "state").glob("0*"))))
    assert {member.vector.id for member in registry.members} == {"later", "inquiry", "a-new-one"}


def test_a_run_of_another_state_or_of_none_is_another_run(
    day: Callable[..., Any], tmp_path: Path, run_pages: Run
) -> None:
    day("2026-11-02", MONDAY)
    inbox, out = tmp_path / "in" / "2026-11-02" / "2026-11-02.jsonl", tmp_path / "out" / "2026-11-02"
    with pytest.raises(UsageError, match=r"it was made with --state .*/state, this is with no --state"):
        run_pages([inbox], out, CLEAN, "run.date=2026-11-02")
    with pytest.raises(UsageError, match=r"cluster\.story was 0\.28 and is 0\.3"):
        day("2026-11-03", TUESDAY, "cluster.story=0.3")


def test_the_state_is_neither_input_nor_output(day: Callable[..., Any], tmp_path: Path, run_pages: Run) -> None:
    day("2026-11-02", MONDAY)
    with pytest.raises(UsageError, match="stand in each other"):
        run_pages([tmp_path / "in"], tmp_path / "out2", CLEAN, state=str(tmp_path / "out2" / "state"))
    with pytest.raises(UsageError, match="stand in each other"):
        run_pages([tmp_path / "in"], tmp_path / "state", CLEAN, state=str(tmp_path / "state"))
    manifest = run_pages([tmp_path], tmp_path / "out", CLEAN, overwrite=True, state=str(tmp_path / "state"))
    assert manifest["counts"]["inputs"] == 2  # of in/, not of state/


def test_nothing_is_left_before_the_clusters(day: Callable[..., Any], tmp_path: Path) -> None:
    day("2026-11-02", MONDAY, until="embed")
    assert json.loads((tmp_path / "state" / "state.json").read_text())["generation"] == ""
    day("2026-11-02", MONDAY)
    assert json.loads((tmp_path / "state" / "state.json").read_text())["generation"].startswith("000001-")


def test_a_run_frees_the_state_when_it_ends(day: Callable[..., Any], tmp_path: Path) -> None:
    day("2026-11-02", MONDAY)
    with (tmp_path / "state" / "lock").open("rb+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert lock.read() == b""
        with pytest.raises(UsageError, match="another run is using the state"):
            day("2026-11-03", TUESDAY)
