"""Copydesk every night: what is new in the inbox. Copy this file and ``copydesk_job.py`` into the folder of DAGs.

COPYDESK_DESK names a directory that is an environment with Copydesk (``python3 -m venv /srv/copydesk``) and holds
``inbox/``, ``out/`` and ``state/``. Airflow needs apache-airflow-providers-apache-beam and
apache-airflow-providers-google, and no Copydesk.
"""

import os
from datetime import datetime, timedelta
from pathlib import Path

from airflow.providers.apache.beam.operators.beam import BeamRunPythonPipelineOperator
from airflow.sdk import DAG

DESK = os.environ.get("COPYDESK_DESK", "/srv/copydesk")

with DAG(
    "copydesk",
    schedule="0 4 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,  # a run takes all that is new, also that of nights without a run
    max_active_runs=1,  # a second run would find the state locked
):
    BeamRunPythonPipelineOperator(
        task_id="run",
        py_file=str(Path(__file__).with_name("copydesk_job.py")),
        py_interpreter=f"{DESK}/bin/python",
        py_options=[],
        runner="DirectRunner",  # for Copydesk this is Beam's in-process Python engine
        pipeline_options={
            "input": f"{DESK}/inbox",
            "output": f"{DESK}/out/run_date={{{{ ds }}}}",
            "state": f"{DESK}/state",
            "config": "nightly",
            "set": ["run.date={{ ds }}"],
        },
        retries=3,  # the same command goes on where a run has broken off
        retry_delay=timedelta(minutes=10),
    )
