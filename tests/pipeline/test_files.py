import io
import json
from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.io.filesystem import BeamIOError, FileMetadata, FileSystem

from pipeline.files import list_below, remove_tree, rename_tree, write_json_atomically
from pipeline.sinks import WriteTable, read_table, table_files
from pipeline.sources import match_inputs, read_file
from transforms.settings import InputSettings
from transforms.types import Member

OBJECTS: dict[str, bytes] = {}


class Upload(io.BytesIO):
    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def close(self) -> None:
        if not self.closed:
            OBJECTS[self._path] = self.getvalue()
        super().close()


class ObjectStore(FileSystem):
    """An object store in memory: no directories, no rename, and only what such a store can do."""

    @classmethod
    def scheme(cls) -> str:
        return "objects"

    def join(self, basepath: str, *paths: str) -> str:
        return "/".join([basepath.rstrip("/"), *(path.strip("/") for path in paths)])

    def split(self, path: str) -> tuple[str, str]:
        head, _, tail = path.rpartition("/")
        return head, tail

    def mkdirs(self, path: str) -> None:
        pass

    def has_dirs(self) -> bool:
        return False

    def _list(self, dir_or_prefix: str) -> Iterator[FileMetadata]:
        for path in list(OBJECTS):
            if path.startswith(dir_or_prefix):
                yield self.metadata(path)

    def create(self, path: str, *_: object, **__: object) -> io.BytesIO:
        return Upload(path)

    def open(self, path: str, *_: object, **__: object) -> io.BytesIO:
        if path not in OBJECTS:
            raise BeamIOError(f"no object {path}")
        return io.BytesIO(OBJECTS[path])

    def copy(self, source_file_names: list[str], destination_file_names: list[str]) -> None:
        for source, target in zip(source_file_names, destination_file_names, strict=True):
            OBJECTS[target] = OBJECTS[source]

    def rename(self, source_file_names: list[str], destination_file_names: list[str]) -> None:
        self.copy(source_file_names, destination_file_names)
        self.delete(source_file_names)

    def exists(self, path: str) -> bool:
        return path in OBJECTS

    def size(self, path: str) -> int:
        return len(OBJECTS[path])

    def last_updated(self, path: str) -> float:
        return 0.0

    def metadata(self, path: str) -> FileMetadata:
        return FileMetadata(path, len(OBJECTS[path]))

    def delete(self, paths: list[str]) -> None:
        for path in paths:
            for found in self.match([path])[0].metadata_list:
                del OBJECTS[found.path]


@pytest.fixture(autouse=True)
def empty_store() -> None:
    OBJECTS.clear()


def test_inputs_are_found_and_read_on_an_object_store() -> None:
    OBJECTS["objects://in/pages/a/b.html"] = b"<p>page"
    OBJECTS["objects://in/pages/c.jsonl"] = b'{"id":"c","text":"record"}\n'
    OBJECTS["objects://in/pages/.hidden.html"] = b"<p>hidden"
    OBJECTS["objects://in/pages2/d.html"] = b"<p>other"
    for patterns in (["objects://in/pages"], ["objects://in/pages/"], ["objects://in/pages/**"]):
        files = match_inputs(patterns)
        assert [page.id for file in files for page in read_file(file, InputSettings())] == ["a/b", "c"]
    assert [file.root for file in match_inputs(["objects://in/pages2/d.html"])] == ["objects://in/pages2"]


def test_tables_are_written_and_read_on_an_object_store() -> None:
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        _ = pipeline | beam.Create([Member("a", "story", "s", 0.5)]) | WriteTable("members", "objects://out/members")
    assert table_files("objects://out/members") == ["objects://out/members/part-00000-of-00001.parquet"]
    assert list(read_table("objects://out/members")) == [
        {"id": "a", "level": "story", "cluster_id": "s", "similarity": 0.5}
    ]


def test_directories_of_an_object_store_are_moved_and_removed_file_by_file() -> None:
    for name in ("t/a.json", "t/b/c.json", "tt/d.json"):
        write_json_atomically(f"objects://out/{name}", {"name": name})
    assert json.loads(OBJECTS["objects://out/t/a.json"]) == {"name": "t/a.json"}
    rename_tree("objects://out/t", "objects://out/moved")
    assert sorted(OBJECTS) == [
        "objects://out/moved/a.json",
        "objects://out/moved/b/c.json",
        "objects://out/tt/d.json",
    ]
    remove_tree("objects://out/moved")
    remove_tree("objects://out/never")
    assert [file.path for file in list_below("objects://out")] == ["objects://out/tt/d.json"]
    remove_tree("objects://out/tt/d.json")
    assert not OBJECTS


# On this machine


def test_trees_are_moved_and_removed_whatever_their_names(tmp_path: Path) -> None:
    source, target = f"{tmp_path}/[a] *?/x", f"{tmp_path}/new/deep/ß [b]"
    write_json_atomically(f"{source}/one.json", {"n": 1})
    write_json_atomically(f"{source}/sub/two.json", [2])
    write_json_atomically(f"{tmp_path}/aaaaaaa/x/other.json", {})
    rename_tree(source, target)
    assert not Path(source).exists()
    assert json.loads(Path(target, "sub/two.json").read_text()) == [2]
    remove_tree(target)
    assert not Path(target).exists()
    remove_tree(target)
    remove_tree(f"{tmp_path}/[a] *?")
    assert Path(tmp_path, "aaaaaaa/x/other.json").exists()
    remove_tree(f"{tmp_path}/aaaaaaa/x/other.json")
    assert not Path(tmp_path, "aaaaaaa/x/other.json").exists()


def test_json_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json_atomically(str(path), {"b": 1, "a": "é"})
    assert path.read_text() == '{\n  "b": 1,\n  "a": "é"\n}\n'
    with pytest.raises(TypeError):
        write_json_atomically(str(path), {"b": object()})
    assert json.loads(path.read_text()) == {"b": 1, "a": "é"}
    write_json_atomically(str(path), [])
    assert path.read_text() == "[]\n"
