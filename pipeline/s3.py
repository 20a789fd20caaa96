"""Beam's client for S3, mended in two places. Importing this module is enough.

It ends an upload of nothing with an error, so an empty file is given one empty part: ``_SUCCESS`` is empty, and so is a
JSONL table without rows. And it makes a connection anew for each file that it touches, which costs more processor time
than all the rest of a small run; so those with the same settings are one.
"""

from __future__ import annotations

import os
from functools import cache
from types import SimpleNamespace
from typing import Any

from apache_beam.io.aws import s3io
from apache_beam.io.aws.clients.s3 import boto3_client
from apache_beam.utils.plugin import BeamPlugin


class _Uploader(s3io.S3Uploader):
    def finish(self) -> None:
        if not self.parts and not self.buffer:
            self._write_to_s3(b"")
        super().finish()


class _Session:
    def client(self, **settings: Any) -> Any:
        return _client(tuple(sorted(pair for pair in os.environ.items() if pair[0].startswith("AWS_"))), **settings)


@cache
def _client(_environment: tuple[tuple[str, str], ...], **settings: Any) -> Any:
    return _boto3.session.Session().client(**settings)  # threads may share it


class MendedClient(BeamPlugin):
    """Beam imports the modules of its plugins in every worker, so that this one is there as well."""


s3io.S3Uploader = _Uploader
_boto3 = boto3_client.boto3  # None where the package is not installed
if _boto3 is not None:
    boto3_client.boto3 = SimpleNamespace(session=SimpleNamespace(Session=_Session))
