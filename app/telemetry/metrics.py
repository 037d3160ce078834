"""Metrics: what is counted and measured, for Prometheus. docs/operating.md lists them.

A label has few values, whatever callers send: tools and errors of this server, places of the table of
hosts, stores of the catalogue.
"""

from functools import cache
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from app import __version__

# When each series began: a series more for each, which nobody asks for.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the library's own lacks them

_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Metrics:
    """All metrics of a process, in a registry of their own. Any thread may call."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._calls = Counter(
            "agala_calls",
            "Tool calls: what was called, what it came to (ok, an error's code, failed), era.",
            ["tool", "outcome", "era"],
            registry=registry,
        )
        self._call_seconds = Histogram(
            "agala_call_seconds",
            "How long a tool call took, in seconds.",
            ["tool", "era"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._recognised = Counter(
            "agala_sessions_recognised",
            "Tool calls by where in the call its session was recognised; refused: it was not.",
            ["source"],
            registry=registry,
        )
        self._responses = Counter(
            "agala_http_responses",
            "Answers to HTTP requests by status, also to those that never became a tool call.",
            ["status"],
            registry=registry,
        )
        self._carts = Gauge(
            "agala_carts",
            "Carts that are kept: active, or expired but can still be restored. Servers that share carts "
            "tell the same number: take the max.",
            ["state"],
            registry=registry,
            multiprocess_mode="mostrecent",
        )
        self.carts_begun = Counter("agala_carts_begun", "Carts that were begun.", registry=registry)
        self.carts_removed = Counter(
            "agala_carts_removed", "Carts that were removed for good after they expired.", registry=registry
        )
        self._backend_seconds = Histogram(
            "agala_backend_seconds",
            "How long an operation of the backend of carts took, in seconds.",
            ["operation"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._backend_errors = Counter(
            "agala_backend_errors",
            "Operations that the backend of carts could not do.",
            ["operation"],
            registry=registry,
        )
        self._batch_size = Histogram(
            "agala_backend_batch_size",
            "How many changes (SQLite) or commands (Redis) went to the backend together.",
            buckets=_SIZES,
            registry=registry,
        )
        self._products = Gauge(
            "agala_catalog_products",
            "Products in the catalogue.",
            ["store"],
            registry=registry,
            multiprocess_mode="mostrecent",
        )
        self._catalog_read = Gauge(
            "agala_catalog_read_timestamp_seconds",
            "When the catalogue's sources were read, as seconds since 1970: its age is time() less this.",
            registry=registry,
            multiprocess_mode="mostrecent",
        )
        self._searches = Counter(
            "agala_searches",
            "Searches by whether they found something (yes), nothing (no), or only with some of the words "
            "(some).",
            ["found"],
            registry=registry,
        )
        Gauge(
            "agala_info",
            "1, with the version of the server.",
            ["version"],
            registry=registry,
            multiprocess_mode="mostrecent",
        ).labels(__version__).set(1)
        self._stores: set[str] = set()
        # `labels` looks at each label again at every call: as dear as all the rest together.
        self._call = cache(self._calls.labels)
        self._call_time = cache(self._call_seconds.labels)
        self._source = cache(self._recognised.labels)
        self._status = cache(self._responses.labels)
        self._operation = cache(self._backend_seconds.labels)

    def called(self, tool: str, outcome: str, era: str, source: str, seconds: float) -> None:
        """A tool call is over. All of it but `seconds` is of a known few."""
        self._call(tool, outcome, era).inc()
        self._call_time(tool, era).observe(seconds)
        self._source(source).inc()

    def answered(self, status: int) -> None:
        """An HTTP request is answered."""
        self._status(status).inc()

    def searched(self, total: int, total_all: int) -> None:
        """A search found `total` products, `total_all` of them with all words."""
        self._searches.labels("no" if not total else "yes" if total_all else "some").inc()

    def backend_did(self, operation: str, seconds: float, *, failed: bool) -> None:
        """An operation of the carts' backend is over."""
        self._operation(operation).observe(seconds)
        if failed:
            self._backend_errors.labels(operation).inc()

    def batch(self, size: int) -> None:
        """So many changes or commands went to the backend together."""
        self._batch_size.observe(size)

    def carts(self, active: int, expired: int) -> None:
        """How many carts are kept just now."""
        self._carts.labels("active").set(active)
        self._carts.labels("expired").set(expired)

    def catalog(self, products: dict[str, int], read: float) -> None:
        """What the catalogue has: products by store, and when it was read, in epoch seconds."""
        self._stores.update(products)
        for store in self._stores:
            self._products.labels(store).set(products.get(store, 0))
        self._catalog_read.set(read)


@cache
def process_metrics() -> Metrics:
    """The metrics of this process."""
    return Metrics()
