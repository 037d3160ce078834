"""Telemetry: what of it this process was asked for. Nothing is loaded, and nothing is paid, for the rest."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.settings import Settings

if TYPE_CHECKING:  # loaded below, only where it is asked for
    from app.telemetry.metrics import Metrics
    from app.telemetry.traces import Traces

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What there is besides the log."""

    metrics: "Metrics | None" = None
    traces: "Traces | None" = None


_now = Telemetry()


def telemetry_now() -> Telemetry:
    """The telemetry of this process, while its shop is open."""
    return _now


@contextlib.contextmanager
def open_telemetry(settings: Settings) -> Iterator[Telemetry]:
    """What `SHOP_METRICS` and the `OTEL_…` variables ask for. Raises `InvalidSetting`."""
    global _now  # noqa: PLW0603 - one a process, as there is one shop
    with contextlib.ExitStack() as closing:
        metrics = traces = None
        if settings.metrics is not None:
            from app.telemetry.metrics import Metrics  # noqa: PLC0415

            metrics = Metrics()
            if settings.metrics_address is not None:
                from app.telemetry.exposition import on_own_port  # noqa: PLC0415

                closing.enter_context(on_own_port(metrics, *settings.metrics_address))
        if traces_asked_for():
            from app.telemetry.traces import open_traces  # noqa: PLC0415

            traces = open_traces()
            if traces is not None:
                closing.callback(traces.close)
        _now = Telemetry(metrics, traces)
        try:
            yield _now
        finally:
            _now = Telemetry()


def traces_asked_for() -> bool:
    """Whether the environment asks for traces, by OpenTelemetry's variables.

    Its specification sends traces to localhost where nothing is said; here an endpoint or an exporter must
    be named.
    """
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    exporter = os.environ.get("OTEL_TRACES_EXPORTER", "")
    return exporter != "none" and bool(exporter or any(os.environ.get(name) for name in _ENDPOINTS))
