"""Counting together: what the processes of one server count adds up, whichever of them is asked."""

import atexit
import os
import shutil
import tempfile
from typing import Final

from app.settings import Settings

SHARED: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The folder where processes that serve together count; prometheus_client looks for it at its import."""


def count_together(settings: Settings) -> None:
    """Let the worker processes that this one will fork count together, if there will be several.

    To be called before anything is imported that counts. The folder is of this run alone, and goes with it.
    """
    if settings.metrics is None or settings.workers == 1 or SHARED in os.environ:
        return
    folder = tempfile.mkdtemp(prefix="agala-metrics-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ[SHARED] = folder
