"""``copydesk export``: a finished run in the layout of other tools, in its place when it is complete."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from apache_beam.io.filesystems import FileSystems

from pipeline import UsageError, __version__, export_dolma, export_huggingface, export_markdown
from pipeline.files import is_local, list_below, remove_tree, rename_tree, write_json_atomically
from pipeline.sources import require_filesystem
from pipeline.workspace import Workspace, exists, read_manifest

MARK = "export.json"  # written last; only a directory that holds one is ever replaced

Writer = Callable[[Workspace, Mapping[str, Any], str, str], Mapping[str, int]]
FORMATS: dict[str, Writer] = {
    "dolma": export_dolma.write,
    "huggingface": export_huggingface.write,
    "markdown": export_markdown.write,
}


def export(output: str, form: str, target: str, name: str | None = None, overwrite: bool = False) -> dict[str, int]:
    """Write a run as ``form`` into the directory ``target``; return how many of what were written.

    All is written beside the target and takes its place by a rename. An object store knows no
    renames: there a reader waits for ``export.json``, which arrives last.

    Args:
        output: The output directory of a finished run.
        form: A name of ``FORMATS``.
        target: A directory that is new or empty, or an earlier export if ``overwrite``.
        name: What the export calls the data; by default the name of the output directory.
        overwrite: Whether an earlier export may be replaced. Other files never are.

    Raises:
        UsageError: There is no finished run, or the target cannot be used; the text says what to do.
    """
    for path in (output, target):
        require_filesystem(path)
    output, target = (os.path.realpath(path) if is_local(path) else path.rstrip("/") for path in (output, target))
    workspace = Workspace(output)
    manifest = finished_manifest(workspace)
    _refuse_target(output, target, overwrite)
    parent, _, own = target.rpartition("/")
    unfinished = f"{parent}/.{own}.unfinished"  # beside the target, so that a rename can be atomic
    remove_tree(unfinished)  # of an export that was killed
    try:
        counts = dict(FORMATS[form](workspace, manifest, name or output.rpartition("/")[2], unfinished))
    except BaseException:
        remove_tree(unfinished)
        raise
    remove_tree(target)
    mark = {"to": form, "copydesk": __version__, "inputs": manifest["inputs"], "counts": counts}
    if FileSystems.get_filesystem(target).has_dirs():
        write_json_atomically(f"{unfinished}/{MARK}", mark)
        rename_tree(unfinished, target)
    else:
        rename_tree(unfinished, target)
        write_json_atomically(f"{target}/{MARK}", mark)
    return counts


def finished_manifest(workspace: Workspace) -> dict[str, Any]:
    """Return the manifest of a run that has ended with tables.

    Raises:
        UsageError: There is none; the text says what is there instead.
    """
    root = workspace.root
    if exists(workspace.path("manifest.json")) and exists(workspace.path("_SUCCESS")):
        manifest = read_manifest(root)
        if not manifest["tables"]:
            raise UsageError(f"{root} holds a run up to the phase {manifest['until']}, which makes no tables")
        return manifest
    if exists(workspace.path(".work")):
        raise UsageError(f"{root} holds a run that is not finished: give its command again, then export it")
    raise UsageError(f"{root} holds no finished run: there is no _SUCCESS in it")


def _refuse_target(output: str, target: str, overwrite: bool) -> None:
    if f"{target}/".startswith(f"{output}/") or f"{output}/".startswith(f"{target}/"):
        raise UsageError(f"the export in {target} and the run in {output} would stand in each other")
    if is_local(target) and os.path.isfile(target):
        raise UsageError(f"{target} is a file; -o needs a directory")
    if not list_below(target):
        return
    if not exists(f"{target}/{MARK}"):
        raise UsageError(f"{target} is not empty and was not made by copydesk export. Choose another directory")
    if not overwrite:
        raise UsageError(f"{target} holds an export. Choose another directory, or give --overwrite to replace it")
