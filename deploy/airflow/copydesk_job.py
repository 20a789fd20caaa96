"""The file that Beam's operator calls: the command line of Copydesk, which without a command means ``run``."""

import sys

from pipeline.cli import main

sys.exit(main())
