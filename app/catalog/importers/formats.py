"""The formats that a catalogue may come in, told apart by what is in the file."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from app.catalog.importers.feed import Defaults, Feed, Reader, store_id_of
from app.catalog.importers.google import is_google_tsv, is_google_xml, read_google_tsv, read_google_xml
from app.catalog.importers.head import Head, head_of
from app.catalog.importers.jsonld import is_jsonld, read_jsonld
from app.catalog.importers.plain import is_json_lines, is_plain_table, read_json_lines, read_plain_table
from app.catalog.importers.scraped import is_scraped, read_scraped_rows
from app.catalog.importers.shopify_csv import is_shopify_csv, read_shopify_csv
from app.catalog.importers.shopify_json import is_shopify_json, read_shopify_json
from app.catalog.importers.source import Source
from app.catalog.importers.transparency import is_transparency, read_transparency
from app.catalog.importers.woocommerce_api import is_woocommerce_api, read_woocommerce_api
from app.catalog.importers.woocommerce_csv import is_woocommerce_csv, read_woocommerce_csv
from app.errors import ImportFailed


@dataclass(frozen=True, slots=True)
class Format:
    """`name` is what an operator writes to force it, `title` what people call it."""

    name: str
    title: str
    reader: Reader
    fits: Callable[[Head], bool]


FORMATS: Final = (
    Format("price-transparency", "Israeli price-transparency XML", read_transparency, is_transparency),
    Format("google-xml", "Google Merchant RSS or Atom", read_google_xml, is_google_xml),
    Format("shopify-json", "Shopify products.json", read_shopify_json, is_shopify_json),
    Format("woocommerce-api", "WooCommerce Store API JSON", read_woocommerce_api, is_woocommerce_api),
    Format("json-ld", "schema.org JSON-LD, alone or in HTML", read_jsonld, is_jsonld),
    Format("scraped", "the first shop's scraped JSON", read_scraped_rows, is_scraped),
    Format("jsonl", "JSON lines with our own names", read_json_lines, is_json_lines),
    Format("shopify-csv", "Shopify product export", read_shopify_csv, is_shopify_csv),
    Format("woocommerce-csv", "WooCommerce product export", read_woocommerce_csv, is_woocommerce_csv),
    Format("google-tsv", "Google Merchant text", read_google_tsv, is_google_tsv),
    Format("csv", "CSV or TSV with our own names", read_plain_table, is_plain_table),
)
"""In the order in which they are tried: the more telling first."""


def open_feed(
    path: Path,
    *,
    store_id: str | None = None,
    format: str | None = None,  # noqa: A002  the word that the command line has for it
    defaults: Defaults | None = None,
    now: datetime | None = None,
) -> Feed:
    """The feed in a file, plain or gzipped, of the format that its content shows or that `format` names.

    The store's id is `store_id`, else made from the file's name. Sales that have dates are judged by `now`.
    Raises `ImportFailed` if the file is missing or empty, or its format isn't known; see `Feed` for what
    reading it raises.
    """
    source = Source(path)
    chosen = _named(format) if format else _detected(source)
    return Feed(
        source,
        chosen.reader,
        format=chosen.name,
        store_id=store_id or store_id_of(path),
        defaults=defaults or Defaults(),
        now=now,
    )


def _named(name: str) -> Format:
    for one in FORMATS:
        if one.name == name:
            return one
    raise ImportFailed(f"There is no format {name!r}; there are {_listed()}.")


def _detected(source: Source) -> Format:
    head = head_of(source.head())
    for one in FORMATS:
        if one.fits(head):
            return one
    seen = ", ".join(sorted(head.names)[:12]) or head.text[:60]
    raise ImportFailed(
        f"{source.path}: this is of no format that is known (it looks like {head.kind} with {seen}). Name it "
        f"with --format, or give a CSV with the columns id, name, price. There are {_listed()}."
    )


def _listed() -> str:
    return ", ".join(one.name for one in FORMATS)
