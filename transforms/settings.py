"""The settings that stages read: one frozen dataclass per section of the configuration.

These defaults are the only ones. The comment behind each field is its line in the configuration
reference. ``pipeline/config.py`` composes the sections, loads, overrides and validates them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InputSettings:
    """How records are read."""

    text_key: str = "text"  # field of a JSONL or Parquet record that holds its text
    html_key: str = "html"  # field that holds its HTML; used where a record has it
    id_key: str = "id"  # field that holds its id
    url_key: str = "url"  # field that holds its address
    title_key: str = "title"  # field that holds its title
    date_key: str = "date"  # field that holds its date of publication
    clean: bool = False  # the input is already stories, as text: keep every line, embed and cluster
    only_new: bool = False  # with `--state`: take only files and pages that no earlier run has had as they are
    max_bytes: int = 20_000_000  # largest document, decoded, in bytes; a larger one is a failure


@dataclass(frozen=True, slots=True)
class SegmentSettings:
    """How a page is divided into roles and stories."""

    model: str = ""  # file of a role model; empty for the one in the package
    method: str = "model"  # "model", or "readability" as a baseline to compare with
    min_confidence: float = 0.0  # pages whose story is below this are marked doubtful
    profiles: bool = False  # learn which lines recur across the pages of a site, and drop them from stories
    sites: str = ""  # directory of rules for sites, or one file of them; empty for those in the package
    rules: str = ""  # rules in Python, apart by commas: "package.module:function", "FILE.py:function" or a name
    words: str = ""  # file of word lists that replace those of the same name in the package
    max_elements: int = 1_000_000  # most elements of an HTML page; one with more is a failure, and is not parsed
    max_lines: int = 50_000  # lines of a page that are read; what follows is kept as one dropped segment, with a flag
    max_seconds: float = 120.0  # processor time that one step may spend on a page; then the page is a failure


@dataclass(frozen=True, slots=True)
class EmbedSettings:
    """How stories and teasers become vectors."""

    model: str = "minilm"  # "minilm", "lite" (small, fast), a directory, a hub name "org/name", or "hashing" (tests)
    batch_size: int = 32  # texts per call of the model at most
    buffer: int = 1024  # texts sorted by length before they are cut into batches
    max_tokens: int = 256  # tokens of a text that the model reads


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """Where the cuts between groups lie."""

    duplicate: float = 0.55  # least share of the shorter of two duplicates' word sequences that the longer has
    overlap: float = 0.25  # least share of all their word sequences (3-shingles, Jaccard) that both have
    story: float = 0.28  # least average similarity within one story, of meaning, words and dates
    topic: float = 0.12  # least average similarity within one topic, of meaning and words
    all_pairs: int = 1_000_000  # texts up to which all pairs are compared; of more, those that are roughly alike


@dataclass(frozen=True, slots=True)
class StateSettings:
    """What a run with `--state` keeps for the next."""

    keep_days: int = 30  # days before run.date after which a story not seen again is forgotten; 0 for never


@dataclass(frozen=True, slots=True)
class OutputSettings:
    """How tables are written."""

    format: str = "parquet"  # "parquet" (zstd) or "jsonl"
    shards: int = 0  # files per table; 0 lets the engine decide


@dataclass(frozen=True, slots=True)
class RunSettings:
    """How a run behaves."""

    date: str = ""  # date of the run (YYYY-MM-DD), for members that have none of their own
    workers: int = 0  # worker processes on this machine; 0 for one on each core where that pays
    memory_gb: float = 0.0  # memory that a run may use, in GB; 0 for all that the machine has
    max_failures: float = 0.5  # share of inputs that may fail before the run exits with status 3
