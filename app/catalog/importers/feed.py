"""A catalogue file while it is read: products and issues as they come, the report when they are through."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from babel import Locale, UnknownLocaleError

from app.catalog.importers.intake import Intake, Outcome, StoreFacts
from app.catalog.importers.source import FileDamaged, Source
from app.catalog.product import Product, Store
from app.catalog.report import ImportReport, Issue
from app.errors import ImportFailed
from app.money import home_locale, known_currency

Reader = Callable[[Source, Intake], Iterator[Outcome]]
"""How a format is read: the source's text in, offers through the intake, what came of them out."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a file may leave unsaid: the currency, and what relative addresses are relative to."""

    currency: str = "ILS"
    base_url: str | None = None


@dataclass(frozen=True, slots=True)
class ImportedStore:
    """A store, what it sells, and how the reading went."""

    store: Store
    products: tuple[Product, ...]
    report: ImportReport


class Feed:
    """One catalogue file, read once, from its start to its end, in memory that doesn't grow with it.

    Iterating gives products and issues in the file's order. After the last one `report` and `store_facts`
    are whole; before, they say what is known so far. Iterating raises `ImportFailed` for what makes the
    whole file unusable (an entity bomb, an unknown encoding); damage further on ends the iteration with an
    issue, and `report.complete` is false.
    """

    def __init__(
        self,
        source: Source,
        reader: Reader,
        *,
        format: str,  # noqa: A002  the word that the command line has for it
        store_id: str,
        defaults: Defaults,
        now: datetime | None = None,
    ) -> None:
        if not known_currency(defaults.currency):
            raise ImportFailed(f"currency is {defaults.currency!r}; expected an ISO 4217 code such as ILS.")
        self.path = source.path
        self.format = format
        self.store_id = store_id
        self.report = ImportReport(source.path, store_id, format)
        self._facts = StoreFacts(base_url=defaults.base_url or "")
        self._intake = Intake(store_id, self._facts, defaults.currency, self.report, now or datetime.now(UTC))
        self._source = source
        self._reader = reader
        self._read = False

    def __iter__(self) -> Iterator[Outcome]:
        if self._read:
            raise RuntimeError("a feed is read once; open it again")
        self._read = True
        damage: FileDamaged | None = None
        try:
            yield from self._reader(self._source, self._intake)
        except FileDamaged as damaged:
            damage = damaged
        # A cut .gz also ends the text inside it in mid-sentence; the cause is the better message.
        damage = self._source.damage or damage
        if damage is not None:
            self.report.complete = False
            yield self.report.note(Issue(damage.code, 0, "file", damage.value, damage.expected))

    @property
    def part_read(self) -> float:
        """How much of the file has been read, from 0 to 1."""
        return self._source.part_read

    @property
    def store_facts(self) -> StoreFacts:
        """The store's name, currency, locale, languages and base address, with what the feed leaves out
        filled in: the file's name, the default currency, the currency's home, the letters of the names.

        Raises `ImportFailed` if the feed names a locale that there isn't.
        """
        facts, intake = self._facts, self._intake
        locale = facts.locale or home_locale(intake.currency)
        try:
            locale = str(Locale.parse(locale.replace("-", "_")))
        except (UnknownLocaleError, ValueError):
            raise ImportFailed(
                f"{self.path}: locale is {locale!r}; expected one such as he_IL or en_US."
            ) from None
        languages = facts.languages or (intake.language,)
        return StoreFacts(
            name=" ".join(facts.name.split())[:200] or _stem(self.path),
            currency=intake.currency,
            locale=locale,
            languages=tuple(dict.fromkeys([*languages, *intake.other_languages])),
            base_url=facts.base_url,
        )

    def store(self) -> Store:
        """The store as the catalogue lists it. Call it after the last product."""
        facts = self.store_facts
        return Store(
            self.store_id, facts.name, facts.currency, facts.locale, facts.languages, self.report.products
        )

    def read_all(self) -> ImportedStore:
        """Everything at once, for a catalogue that fits in memory."""
        products = tuple(one for one in self if isinstance(one, Product))
        return ImportedStore(self.store(), products, self.report)


_PACKED: Final = ".gz"
_ENDINGS: Final = frozenset(
    {".xml", ".json", ".jsonld", ".jsonl", ".ndjson", ".csv", ".tsv", ".txt", ".html", ".htm"}
)


def store_id_of(path: Path) -> str:
    """The store id that a file's name gives: lower case, words joined by `-`.

    Raises `ImportFailed` if the name has no letter or digit.
    """
    store_id = re.sub(r"[\W_]+", "-", _stem(path).lower()).strip("-")
    if not store_id:
        raise ImportFailed(f"{path}: the file's name gives no store id; give it letters or digits.")
    return store_id


def ending_of(path: Path) -> str:
    """The ending that a feed's name has, packed or not: `.xml.gz`; empty if it isn't one of a feed."""
    packed = path.suffix.lower() == _PACKED
    ending = Path(path.stem).suffix.lower() if packed else path.suffix.lower()
    if ending in _ENDINGS:
        return ending + (_PACKED if packed else "")
    return _PACKED if packed else ""


def _stem(path: Path) -> str:
    """The name without its endings: two of them for `feed.xml.gz`."""
    while path.suffix.lower() in _ENDINGS | {_PACKED}:
        path = path.with_suffix("")
    return path.name if path.suffix.lower() != path.name.lower() else path.stem
