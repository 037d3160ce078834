"""`python -m bench.search [--fast]`: every figure of search, as a section of bench/README.md."""

import math
import os
import random
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from app.catalog.engine import Engine
from app.catalog.hits import Request
from app.catalog.product import Product
from bench.search.data import Judged, chorus, chorus_judged, feeds, first_shop, first_shop_judged
from bench.search.engines import Fts5, Search, ask, ours, plain_tantivy, substring
from bench.search.speed import QUERIES, run
from bench.search.swaps import section

OUT = Path("bench/README.md")
BEGIN, END = "<!-- search:begin -->", "<!-- search:end -->"
SIZES = [1300, 100_000, 1_000_000]
HEBREW = "אבגדהוזחטיכלמנסעפצקרשת"


def ndcg(found: Sequence[str], grades: dict[str, float]) -> float | None:
    """nDCG@10 with gains 2^grade - 1; None where nothing is relevant."""

    def gain(values: Iterable[float]) -> float:
        return sum((2**value - 1) / math.log2(place + 2) for place, value in enumerate(values))

    ideal = gain(sorted(grades.values(), reverse=True)[:10])
    return gain(grades.get(one, 0) for one in found[:10]) / ideal if ideal else None


def judged(search: Search, queries: Sequence[Judged]) -> dict[str, tuple[float, float, int]]:
    """nDCG@10, success@3 and the number of queries, by group and over `all`."""
    scores: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    for query in queries:
        found = search(query)
        score = ndcg(found, query.grades)
        if score is not None:
            entry = (score, any(query.grades.get(one, 0) > 0 for one in found[:3]))
            for group in dict.fromkeys((query.group, "all")):
                scores[group].append(entry)
    return {
        group: (statistics.mean(s for s, _ in rows), statistics.mean(float(h) for _, h in rows), len(rows))
        for group, rows in scores.items()
    }


def slip(word: str, chance: random.Random) -> str:
    """`word` with one letter dropped, doubled, changed or swapped with its neighbour."""
    at = chance.randrange(len(word) - 1)
    other = chance.choice(HEBREW if "א" <= word[0] <= "ת" else "abcdefghijklmnopqrstuvwxyz")
    return chance.choice(
        (
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + other + word[at + 1 :],
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        )
    )


def known_items(products: Sequence[Product], count: int, typos: bool, seed: int = 3) -> list[Judged]:
    """Queries that are words of a product's name, which that product, or one of the same name, answers.

    With typos, one word of five letters or more has a slip.
    """
    chance = random.Random(seed)  # noqa: S311  (no secret)
    same: dict[str, dict[str, float]] = defaultdict(dict)
    for product in products:
        same[product.name][product.id] = 1.0
    asked: list[Judged] = []
    while len(asked) < count:
        product = chance.choice(products)
        words = [word for word in product.name.split() if word.isalpha() and len(word) > 1][:4]
        long = [at for at, word in enumerate(words) if len(word) >= 5]
        if len(words) < 2 or not long:
            continue
        if typos:
            at = chance.choice(long)
            words[at] = slip(words[at], chance)
        asked.append(Judged("typos" if typos else "known item", " ".join(words), same[product.name]))
    return asked


def lone_slips(products: Sequence[Product], count: int, seed: int = 5) -> list[Judged]:
    """Queries of one word with a slip, which every product with the right word in its name answers."""
    chance = random.Random(seed)  # noqa: S311  (no secret)
    having: dict[str, dict[str, float]] = defaultdict(dict)
    for product in products:
        for word in product.name.split():
            if word.isalpha() and len(word) >= 5:
                having[word][product.id] = 1.0
    known = sorted(having)
    chosen = [chance.choice(known) for _ in range(count)]
    return [Judged("lone slips", slip(word, chance), having[word]) for word in chosen]


def hit_rate(search: Search, queries: Sequence[Judged]) -> float:
    """How often a product that answers is among the first ten."""
    return statistics.mean(float(any(one in query.grades for one in search(query))) for query in queries)


def side_by_side(products: Sequence[Product], engine: Engine) -> dict[str, Search]:
    """Every engine over the same products."""
    fts, porter, letters = (
        Fts5(products),
        Fts5(products, tokenize="porter"),
        Fts5(products, tokenize="trigram"),
    )
    return {
        "substring": substring(products),
        "FTS5 OR": fts.either,
        "FTS5 porter, AND then OR": porter.both_then_either,
        "FTS5 trigrams": letters.trigrams,
        "tantivy fuzzy": plain_tantivy(products),
        "**agala**": ask(engine),
    }


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def quality(folder: Path) -> str:
    """The tables of quality."""
    shop, shop_queries = first_shop(), first_shop_judged()
    english, english_queries = list({p.id: p for p in chorus()}.values()), chorus_judged()
    markets = list(feeds())
    stores = {
        name: [p for p in markets if p.store == name] for name in dict.fromkeys(p.store for p in markets)
    }
    big = {name: rows for name, rows in stores.items() if len(rows) >= 200}

    own = ours(shop, folder)
    over_shop = side_by_side(shop, own)
    over_english = side_by_side(english, ours(english, folder))
    shop_scores = {name: judged(search, shop_queries) for name, search in over_shop.items()}
    english_scores = {name: judged(search, english_queries) for name, search in over_english.items()}
    none = [query for query in shop_queries if not any(query.grades.values())]

    parts = ["### On judged queries\n"]
    parts.append(
        table(
            ("engine", "first shop nDCG@10", "success@3", "Chorus nDCG@10", "success@3"),
            (
                (name, *_pair(shop_scores[name]["all"]), *_pair(english_scores[name]["all"]))
                for name in over_shop
            ),
        )
    )
    counts = shop_scores["**agala**"]
    parts.append("\nThe first shop by group, nDCG@10 / success@3:\n")
    parts.append(
        table(
            ("group", "queries", *over_shop),
            (
                (
                    group,
                    counts[group][2],
                    *("{:.3f} / {:.2f}".format(*shop_scores[name][group][:2]) for name in over_shop),
                )
                for group in counts
            ),
        )
    )
    answered = sum(bool(over_shop["**agala**"](query)) for query in none)
    sure = sum(bool(own.search(Request(query.query), 1, None, facets=False).total_all) for query in none)
    parts.append(
        f"\nOf {len(none)} queries that no product answers, {answered} return something, of which {sure} say "
        "that they match all words; these queries aren't in the means. **The first shop's queries and grades "
        "are machine-written and not yet checked by a Hebrew reader.** Chorus was rated by three people; "
        f"{english_scores['**agala**']['all'][2]} of its queries have a relevant product.\n"
    )
    parts.append("### Known items and seeded typos\n")
    rows = []
    for name, products in {"first shop": shop, **big}.items():
        engines = over_shop if name == "first shop" else side_by_side(products, ours(products, folder))
        asked = {
            "as written": known_items(products, 400, typos=False),
            "one slip": known_items(products, 400, typos=True),
            "one word, with a slip": lone_slips(products, 400),
        }
        for kind, queries in asked.items():
            rates = [f"{hit_rate(search, queries):.3f}" for search in engines.values()]
            rows.append((name, len(products), kind, *rates))
    parts.append(table(("names from", "products", "words", *over_shop), rows))
    parts.append(
        "\nhit@10 over 400 queries each: up to four words of a product's name, with a slip in one word of at "
        "least five letters (dropped, doubled, changed, swapped; seed 3); then single words, with a slip.\n"
    )
    return "\n".join(parts)


def _pair(score: tuple[float, float, int]) -> tuple[str, str]:
    return f"{score[0]:.3f}", f"{score[1]:.2f}"


def speed(folder: Path, sizes: list[int]) -> str:
    """The table of speed and memory."""
    results = run(sizes, folder)
    rows = []
    for size, kinds in results.items():
        own, both, either = kinds["ours"], kinds["and"], kinds["or"]
        rows.append(
            (
                f"{size:,}",
                f"{kinds['build']['build_s']:.0f} s",
                f"{own['open_ms']:.0f} ms",
                f"{own['p50']:.1f} / {own['p99']:.1f}",
                f"{both['p50']:.1f} / {both['p99']:.1f}",
                f"{either['p50']:.1f} / {either['p99']:.1f}",
                f"**{own['p99'] / both['p99']:.2f}**",
                f"{own['mb']:.0f} ({own['grown_mb']:+.0f})",
                f"{both['mb']:.0f}",
            )
        )
    head = (
        "products", "build", "open", "agala p50 / p99 ms", "FTS5 AND", "FTS5 OR", "p99 to AND",
        "agala MB (since start)", "FTS5 MB",
    )  # fmt: skip
    note = (
        f"\n{QUERIES} different queries, each asked once: one to four words of real names, a tenth with a "
        "slip. Names of big catalogues are pieces of real ones. MB is what is in RAM, mapped files included, "
        "in a process that has asked them all. FTS5 finds only what is spelled alike.\n"
    )
    return "### Speed and memory\n\n" + table(head, rows) + "\n" + note


def main() -> None:
    fast = "--fast" in sys.argv[1:]
    kept = os.environ.get("BENCH_KEEP")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(kept) if kept else Path(temporary)
        parts = [
            "## Search\n",
            f"`make bench-search`, {date.today():%d %B %Y}, on "
            "2 cores that had other work; the ratios within a table count, not the milliseconds.\n",
            quality(Path(temporary) / "quality"),
            speed(folder, SIZES[:1] if fast else SIZES),
            section(1300 if fast else 20_000),
        ]
    figures = "\n".join(parts)
    before, _, rest = OUT.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    OUT.write_text(f"{before}{BEGIN}\n{figures}\n{END}{after}", encoding="utf-8")
    sys.stdout.write(figures)


if __name__ == "__main__":
    main()
