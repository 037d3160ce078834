"""What is for sale: whether it is there, of today, and the shop's own."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from app.catalog.generation import Manifest, current_generation, read_manifest
from app.catalog.importers.feed import Defaults
from app.catalog.report import MOST_ERRORS
from app.catalog.source import SAMPLE, find_sources, signature_of
from app.doctor.finding import Finding, bad, fine, warn
from app.errors import OperatorError
from app.settings import Settings

_OLD_DAYS: Final = 3


def check_catalog(settings: Settings) -> Iterator[Finding]:
    """Findings about the catalogue as it is served now; its index isn't built."""
    try:
        sources = find_sources(settings.catalog, settings.data_dir)
        seen = signature_of(source.file for source in sources)
    except OperatorError as error:
        yield bad("catalog", str(error), "Correct SHOP_CATALOG, or `agala import FILE`.")
        return
    if [source.file for source in sources] == [SAMPLE]:
        yield bad(
            "catalog-source",
            "the sample is for sale: products that nobody delivers",
            "Set SHOP_CATALOG, or `agala import FILE`.",
        )
    folder = current_generation(settings.data_dir / "index")
    if folder is None:
        yield warn(
            "catalog",
            "there is no index yet: the first start builds it, which takes a minute for a big catalogue",
            "Start the server once, or `agala search` anything, before it must answer.",
        )
        return
    try:
        manifest = read_manifest(folder)
    except OperatorError as error:
        yield bad("catalog", str(error), "Start the server again.")
        return
    yield _products(manifest)
    yield _age(manifest)
    if not manifest.fits_signature(seen, Defaults(settings.currency, settings.base_url)):
        yield warn(
            "catalog-current",
            "a source has changed since the index was built",
            "A running server takes it up within seconds; if not, its log says why it was refused.",
        )
    for report in manifest.reports:
        if report.errors > MOST_ERRORS * report.rows:
            yield warn(
                "catalog-errors",
                f"{report.file}: {report.summary()}",
                "`agala import --dry-run FILE` lists them.",
            )


def _products(manifest: Manifest) -> Finding:
    if not manifest.products:
        return bad(
            "catalog", "the catalogue has no products", "`agala import FILE` with products that can be sold."
        )
    stores = ", ".join(f"{store.id} ({store.products:,})" for store in manifest.stores)
    return fine("catalog", f"{manifest.products:,} products of {stores}")


def _age(manifest: Manifest) -> Finding:
    age = datetime.now(UTC) - manifest.made.astimezone(UTC)
    said = f"the catalogue was read {age.days} days and {age.seconds // 3600} hours ago"
    if age.total_seconds() < -60:
        return bad("catalog-age", "the catalogue was read in the future", "Set this machine's clock right.")
    if age.days >= _OLD_DAYS:
        return warn("catalog-age", said, "Bring a new one with `agala import FILE`: prices may be wrong.")
    return fine("catalog-age", said)
