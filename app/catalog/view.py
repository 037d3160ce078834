"""A search as the owner sees it: the hits in a table and, word by word, why each was found."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from app.catalog.catalog import Catalog
from app.catalog.hits import Explained, Hit, Reason, SearchHits
from app.catalog.written import unfolded


def show_search(
    catalog: Catalog, query: str, limit: int, alternates: Sequence[str], *, explain: bool
) -> None:
    """Print what a search finds, best first; with `explain` the reasons too."""
    # Off a terminal nothing is cut: somebody may be reading it with a program.
    console = Console()
    if not console.is_terminal:
        console = Console(width=240)
    found = catalog.search(query, limit, alternates=alternates)
    reasons = catalog.explain(query, limit, alternates=alternates) if explain else ()
    console.print(_table(catalog, found.hits, reasons))
    for line in _notes(found):
        console.print(line, markup=False)


def _table(catalog: Catalog, hits: Sequence[Hit], reasons: Sequence[Explained]) -> Table:
    table = Table("", "product", "price", "id", "match", *(["why"] if reasons else []))
    why = {one.hit.product.id: one for one in reasons}
    for place, hit in enumerate(hits, start=1):
        product = hit.product
        match = hit.match + (f", without {', '.join(map(unfolded, hit.missing))}" if hit.missing else "")
        cells = [
            str(place),
            product.name,
            product.price.text(catalog.locale_of(product.store)),
            product.id,
            match,
        ]
        if reasons:
            cells.append(_why(why.get(product.id)))
        table.add_row(*(cell.replace("[", r"\[") for cell in cells))
    return table


def _why(explained: Explained | None) -> str:
    if explained is None or not explained.reasons:
        return "no word: in the shops' order"
    return "\n".join(map(_because, explained.reasons))


def _because(reason: Reason) -> str:
    where = ", ".join("other name" if field == "other" else field for field in reason.fields)
    return f"{unfolded(reason.word)} ← {unfolded(reason.term)} ({reason.how}) in {where}: {reason.weight:.1f}"


def _notes(found: SearchHits) -> list[str]:
    applied = found.applied
    lines = [f"{found.total:,} products, {found.total_all:,} of them with all words."]
    lines += [f"corrected: {unfolded(a)} → {unfolded(b)}" for a, b in applied.corrected]
    lines += [f"translated: {unfolded(a)} → {unfolded(b)}" for a, b in applied.translated]
    lines += [f"left out: {', '.join(map(unfolded, applied.dropped))}"] if applied.dropped else []
    if found.help and found.help.did_you_mean:
        lines.append(f"did you mean: {', '.join(map(unfolded, found.help.did_you_mean))}")
    return lines
