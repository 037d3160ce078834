"""The log: one line per event on standard error, with digests, never a raw id or a shopper's words."""

import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import PurePath
from traceback import walk_tb
from types import FrameType, TracebackType
from typing import Any, Final, Literal

from app.telemetry.requests import current_request

LogFormat = Literal["auto", "json", "pretty"]

FIELDS: Final = "fields"
"""What a record of ours carries besides its message: `extra={FIELDS: {…}}`."""

_OURS: Final = "agala"
_MOST_FRAMES: Final = 30


def log_to_stderr(level: str, form: LogFormat = "auto") -> None:
    """Our own events from `level` on, and what libraries say from WARNING on.

    Libraries' records are shown without what callers sent: see `_said`. Does nothing where whoever embeds the
    server has set logging up already.
    """
    if logging.getLogger().handlers:
        return
    pretty = form == "pretty" or (form == "auto" and sys.stderr.isatty())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Pretty(_colourful()) if pretty else _Json())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger(_OURS).setLevel(level)
    # CallMiddleware says what came of a call, in one line; what is left here is the traceback of a bug.
    logging.getLogger("fastmcp").setLevel(logging.ERROR)
    # Those that have come with handlers of their own would write raw lines past ours. uvicorn's access log
    # says nothing that the line of a call doesn't, and would write a raw path.
    for name in ("fastmcp", "uvicorn", "uvicorn.error", "uvicorn.access"):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)
    # No line shows these, and each record would look them up (the logging module's own advice).
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


class _Json(logging.Formatter):
    """An object a line. A field that has no value just now isn't there."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": f"{_utc(int(record.created))}.{int(record.msecs):03}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": _said(record),
            **_fields(record),
        }
        if record.exc_info and record.exc_info[1] is not None:
            entry["error"] = [{"type": name, "at": frames} for name, frames in _chain(record.exc_info[1])]
        return _encode(entry)


# json.dumps would make an encoder for each line.
_encode: Final = json.JSONEncoder(ensure_ascii=False).encode


@lru_cache(maxsize=4)
def _utc(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


class _Pretty(logging.Formatter):
    """For people: the time of day, then the message, then the rest as key=value."""

    def __init__(self, colourful: bool) -> None:
        super().__init__()
        self._colourful = colourful

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%H:%M:%S", time.localtime(record.created)) + f".{record.msecs:03.0f}"
        fields = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        line = f"{at} {self._level(record)} {record.name} {_said(record)}  {self._faint(fields)}".rstrip()
        if record.exc_info and record.exc_info[1] is not None:
            for name, frames in _chain(record.exc_info[1]):
                line += "".join(f"\n    {frame}" for frame in frames) + f"\n  {name}"
        return line

    def _level(self, record: logging.LogRecord) -> str:
        colour = 31 if record.levelno >= logging.ERROR else 33 if record.levelno >= logging.WARNING else 32
        return f"\x1b[{colour}m{record.levelname:7}\x1b[0m" if self._colourful else f"{record.levelname:7}"

    def _faint(self, text: str) -> str:
        return f"\x1b[2m{text}\x1b[0m" if self._colourful and text else text


def _colourful() -> bool:
    return sys.stderr.isatty() and "NO_COLOR" not in os.environ


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """What a record of ours carries, and which request it is about."""
    fields: dict[str, Any] = getattr(record, FIELDS, {})
    request = current_request()
    if request is None:
        return fields
    return {**fields, "request_id": request.request_id, "trace_id": request.trace_id}


def _said(record: logging.LogRecord) -> str:
    """The message of a record, for a library's without what callers sent.

    Libraries write session ids, host names and names of tools into their lines, as they came. So only what
    stands in their source is shown, with numbers; text that they put together is left out, and the place in
    the source stands for it.
    """
    if record.name.partition(".")[0] == _OURS:
        return record.getMessage()
    place = f"{record.module}.{record.funcName}:{record.lineno}"
    if not isinstance(record.msg, str) or not (record.args or _is_literal(record)):
        return f"[{place}]"
    args = record.args if isinstance(record.args, tuple) else ()
    try:
        said = _numbers_only(record.msg) % tuple(_shown(arg) for arg in args) if args else record.msg
    except (TypeError, ValueError):  # a format of its own
        said = ""
    return f"{said.strip()} [{place}]".lstrip()


def _numbers_only(template: str) -> str:
    return template.replace("%r", "%s").replace("%d", "%s")


def _shown(value: object) -> object:
    return value if isinstance(value, int | float) else "…"


def _is_literal(record: logging.LogRecord) -> bool:
    """Whether the message stands as it is in the source of whoever logs it, who is among our callers now."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_code.co_filename == record.pathname and record.msg in frame.f_code.co_consts:
            return True
        frame = frame.f_back
    return False


def _chain(error: BaseException) -> Iterator[tuple[str, list[str]]]:
    """An exception and what it came from, each as its type and the places on its way.

    Without their messages: pydantic's and others' quote what the caller sent.
    """
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield _name(current), _places(current.__traceback__)
        if isinstance(current, BaseExceptionGroup):
            for inner in current.exceptions[:3]:
                yield from _chain(inner)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def _name(error: BaseException) -> str:
    number = f" (errno {error.errno})" if isinstance(error, OSError) and error.errno else ""
    return f"{type(error).__module__}.{type(error).__qualname__}{number}".removeprefix("builtins.")


def _places(traceback: TracebackType | None) -> list[str]:
    frames = [
        f"{'/'.join(PurePath(frame.f_code.co_filename).parts[-3:])}:{line} {frame.f_code.co_name}"
        for frame, line in walk_tb(traceback)
    ]
    return frames[-_MOST_FRAMES:]
