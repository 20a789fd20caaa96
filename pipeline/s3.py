"""Empty files on S3: Beam's client ends an upload of nothing with an error, so it is given one empty part.

``_SUCCESS`` is empty, and so is a JSONL table without rows. Importing this module is enough.
"""

from __future__ import annotations

from apache_beam.io.aws import s3io
from apache_beam.utils.plugin import BeamPlugin


class _Uploader(s3io.S3Uploader):
    def finish(self) -> None:
        if not self.parts and not self.buffer:
            self._write_to_s3(b"")
        super().finish()


class EmptyFiles(BeamPlugin):
    """Beam imports the modules of its plugins in every worker, so that this one is there as well."""


s3io.S3Uploader = _Uploader
