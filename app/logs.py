"""The log: one line per event on standard error, with digests and never a raw id."""

import logging
import sys


def log_to_stderr(level: str) -> None:
    """Our own events from `level` on, and what libraries say from WARNING on.

    Does nothing where whoever embeds the server has set logging up already.
    """
    if logging.getLogger().handlers:
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("agala").setLevel(level)
    # CallMiddleware says what came of a call, in one line; what is left here is the traceback of a bug.
    fastmcp = logging.getLogger("fastmcp")
    fastmcp.setLevel(logging.ERROR)
    fastmcp.propagate = True
    fastmcp.handlers.clear()
