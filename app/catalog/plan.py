"""A plan: the words of a query, each with the ways in which a product may match it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from app.catalog.fillers import FILLERS, TAILS
from app.catalog.glossary import Glossary, Stems
from app.catalog.lexicon import Lexicon
from app.catalog.sounds import same_word
from app.catalog.text import BARE, bare_stem
from app.catalog.words import Word, without_prefix, words

How = Literal[
    "exact", "spelling", "prefix letters", "translation", "synonym", "begins with", "typo", "sounds like",
    "split", "joined", "quantity",
]  # fmt: skip
"""Why a term stands for a word of the query."""

_MOST_CHARACTERS: Final = 1000
_MOST_WORDS: Final = 32
_MOST_CANDIDATES: Final = 4
_RARE: Final = 3
_PREFIXES: Final = ("ה", "ו", "ב", "ל", "מ", "מה", "וה")
_MUCH_COMMONER: Final = 10
_SAME: Final = 0.8
_SENTENCE: Final = 3


@dataclass(frozen=True, slots=True)
class Way:
    """Terms that, all together, stand for a word or phrase. `text` is what they are when written."""

    terms: Stems
    weight: float
    how: How
    text: str
    spelled: bool = False


@dataclass(frozen=True, slots=True)
class Slot:
    """A word or phrase of the query. `parts` are a phrase's own words, another way to match it.

    `required` slots decide whether a product matches; the others only lift it: wishes ("for a salad") and
    `measure`s ("500 g").
    """

    text: str
    ways: tuple[Way, ...]
    parts: tuple["Slot", ...] = ()
    required: bool = True
    measure: bool = False

    @property
    def known(self) -> bool:
        """Whether the catalogue has anything for it."""
        return bool(self.ways) or (bool(self.parts) and all(part.known for part in self.parts))

    @property
    def literal(self) -> bool:
        """Whether the catalogue has the very words."""
        return self.exact or (bool(self.parts) and all(part.literal for part in self.parts))

    @property
    def exact(self) -> bool:
        return any(way.how in {"exact", "prefix letters", "quantity", "joined"} for way in self.ways)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is looked for. `dropped` words were left out; nothing was done for them."""

    slots: tuple[Slot, ...]
    dropped: tuple[str, ...]

    @property
    def required(self) -> tuple[Slot, ...]:
        """What a product must match to match all."""
        return tuple(slot for slot in self.slots if slot.required)

    @property
    def wishes(self) -> tuple[Slot, ...]:
        """What a product may match besides."""
        return tuple(slot for slot in self.slots if not slot.required and not slot.measure)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Required words for which the catalogue has nothing."""
        return tuple(slot.text for slot in self.required if not slot.known)

    def changed(self, *hows: How) -> tuple[tuple[str, str], ...]:
        """Words that nothing in the catalogue is spelled like, and the best that was taken for them."""
        return tuple(
            (slot.text, slot.ways[0].text)
            for slot in self._leaves(self.slots)
            if slot.ways and not slot.literal and slot.ways[0].how in hows
        )

    def _leaves(self, slots: Sequence[Slot]) -> Iterator[Slot]:
        for slot in slots:
            if slot.ways or not slot.parts:
                yield slot
            else:
                yield from self._leaves(slot.parts)


class Planner:
    """Makes plans from a catalogue's lexicon and a glossary."""

    def __init__(self, lexicon: Lexicon, glossary: Glossary) -> None:
        self._lexicon = lexicon
        self._glossary = glossary

    def plan(self, query: str) -> Plan:
        """The plan of a query in any language; an empty one if the query has no word."""
        asked = words(query[:_MOST_CHARACTERS])[:_MOST_WORDS]
        kept, dropped = self._without_fillers(asked)
        found = self._slots([word for word, _ in kept])
        slots = list({slot.text: slot for slot in found}.values())
        optional = {word.text for word, tail in kept if tail}
        slots = [self._with_role(slot, optional) for slot in slots]
        if slots and not any(slot.required for slot in slots):
            slots = [replace(slot, required=True) for slot in slots]
        return Plan(tuple(slots), tuple(dropped))

    def _without_fillers(self, asked: list[Word]) -> tuple[list[tuple[Word, bool]], list[str]]:
        """The words that say something, with whether they stand in the tail; and those that don't."""
        dropped = [word.text for word in asked if self._says_nothing(word)]
        sentence = len(asked) - len(dropped) >= _SENTENCE
        tail = False
        kept: list[tuple[Word, bool]] = []
        for word in asked:
            if word.text in TAILS or (sentence and self._is_purpose(word)):
                tail = tail or bool(kept)
            if not self._says_nothing(word):
                kept.append((word, tail))
        return (kept, dropped) if kept else ([(word, False) for word in asked], [])

    def _says_nothing(self, word: Word) -> bool:
        if word.text in FILLERS or word.text in TAILS or (len(word.text) == 1 and not word.measures):
            return True
        if word.kind != "hebrew" or self._lexicon.has(word.stem):
            return False
        return any(rest in FILLERS or rest in TAILS for rest in without_prefix(word.text))

    def _is_purpose(self, word: Word) -> bool:
        """Whether a Hebrew word is `for …`: with a ל that isn't its own, before a word that is known."""
        if word.kind != "hebrew" or not word.text.startswith("ל") or self._glossary.spells(word.text):
            return False
        rest = words(word.text[1:])
        return len(word.text) >= 4 and any(
            self._lexicon.has(one.stem) or self._glossary.knows((one.stem,)) for one in rest
        )

    def _with_role(self, slot: Slot, optional: set[str]) -> Slot:
        only_measures = all(word.measures for word in words(slot.text))
        in_tail = all(word.text in optional for word in words(slot.text))
        return replace(slot, required=not (only_measures or in_tail), measure=only_measures)

    def _slots(self, asked: Sequence[Word], longest: int | None = None) -> list[Slot]:
        slots: list[Slot] = []
        at = 0
        while at < len(asked):
            most = min(longest or self._glossary.longest, len(asked) - at)
            for length in range(most, 0, -1):
                slot = self._phrase(asked[at : at + length]) if length > 1 else self._word(asked[at])
                if slot is not None:
                    slots.append(slot)
                    at += length
                    break
        return slots

    def _phrase(self, asked: Sequence[Word]) -> Slot | None:
        """Several words as one: a phrase of the glossary, or a word that was written apart."""
        text = " ".join(word.text for word in asked)
        ways = self._meant(tuple(word.stem for word in asked))
        if len(asked) == 2:
            together = "".join(word.text for word in asked)
            strange = any(not word.measures and not self._lexicon.has(word.stem) for word in asked)
            if strange and len(together) >= 4:
                stem = words(together)[0].stem
                if self._lexicon.weight(together):
                    ways.append(Way((stem,), 0.95, "joined", together))
                ways += self._meant((stem,))
        if not ways:
            return None
        return Slot(text, tuple(ways), tuple(self._slots(asked, longest=len(asked) - 1)))

    def _word(self, word: Word) -> Slot:
        if word.measures:
            return Slot(word.text, tuple(self._quantity(word)))
        ways = [*self._spelled(word), *self._prefixed(word)]
        exact = bool(ways)
        ways += self._variants(word)
        ways += self._meant((word.stem,))
        if not exact and not ways and self._glossary.spells(word.text):
            # A word like any other, of something that isn't sold: no slip, and no part of another word.
            return Slot(word.text, ())
        if not exact:
            ways += self._begun(word)
        if not exact or self._rare(word):
            # After the words that begin so: a part of a word is likelier than a slip.
            less = 0.7 if ways else 1.0
            ways += [replace(way, weight=less * way.weight) for way in self._slips(word, exact)]
        if not ways:
            ways += self._split(word)
        if not ways:
            ways += self._sounding(word)
        return Slot(word.text, tuple(ways))

    def _quantity(self, word: Word) -> Iterator[Way]:
        for term, weight in ((word.stem, 1.0), (word.text.split()[0], 0.5)):
            if self._lexicon.has(term):
                yield Way((term,), weight, "quantity", word.text)

    def _spelled(self, word: Word) -> Iterator[Way]:
        if self._lexicon.fields_with(word.stem):
            yield Way((word.stem,), 1.0, "exact", word.text)
        if self._lexicon.fields_with(BARE + word.stem):
            yield Way((BARE + word.stem,), 0.9, "prefix letters", word.text)
        if self._glossary.spells(word.text):
            return
        if bare := bare_stem(word, self._lexicon.products_with):
            for term, weight in ((bare, 0.9), (BARE + bare, 0.8)):
                if self._lexicon.fields_with(term):
                    yield Way((term,), weight, "prefix letters", bare)

    def _prefixed(self, word: Word) -> Iterator[Way]:
        """A Hebrew word that hardly stands alone, as it stands with prefix letters: `חיטה` in `מחיטה`."""
        if word.kind != "hebrew" or len(word.text) < 3 or self._lexicon.products_with(word.stem) > _RARE:
            return
        for letters in _PREFIXES:
            (longer,) = words(letters + word.text)
            if self._lexicon.fields_with(longer.stem) and not self._glossary.spells(longer.text):
                yield Way((longer.stem,), 0.8, "prefix letters", longer.text)

    def _meant(self, stems: Stems, weight: float = 1.0) -> list[Way]:
        """What the glossary says a phrase means, as far as the catalogue has it."""
        found = [
            Way(
                meaning.stems,
                weight * (0.9 if meaning.foreign else 0.7),
                "translation" if meaning.foreign else "synonym",
                meaning.text,
            )
            for meaning in self._glossary.meanings(stems)
            if all(map(self._lexicon.has, meaning.stems))
        ]
        return sorted(found, key=lambda way: -way.weight)

    def _rare(self, word: Word) -> bool:
        """Whether hardly a product has the word, and none in more than its description."""
        fields = self._lexicon.fields_with(word.stem)
        return max(fields.values(), default=0) <= _RARE or set(fields) == {"description"}

    def _variants(self, word: Word) -> list[Way]:
        """Other spellings of a Hebrew word: with or without ו and י, with a letter of the same sound."""
        if word.kind != "hebrew" or len(word.text) < 4:
            return []
        return [
            Way((stem,), 0.8 * alike, "spelling", text)
            for text, alike in self._lexicon.sounding(word.text)
            if alike >= _SAME and same_word(word.text, text) and (stem := words(text)[0].stem) != word.stem
        ][:_MOST_CANDIDATES]

    def _begun(self, word: Word) -> list[Way]:
        if len(word.text) < 2:
            return []
        return [
            Way((text,), 0.5, "begins with", text, spelled=True)
            for text, _ in self._lexicon.begun_with(word.text)
            if text != word.text
        ]

    def _slips(self, word: Word, exact: bool) -> list[Way]:
        """Words that may have been meant; of a word that exists but is rare, only much commoner ones."""
        if len(word.text) < 4:
            return []
        near = self._lexicon.near(word.text, 2 if len(word.text) >= 6 and not exact else 1)
        if exact:
            enough = _MUCH_COMMONER * self._lexicon.weight(word.text)
            near = [(text, edits) for text, edits in near if self._lexicon.weight(text) >= enough]
        nearest = near[0][1] if near else 0
        ways = [
            Way((words(text)[0].stem,), 0.6 if edits == 1 else 0.45, "typo", text)
            for text, edits in near[:_MOST_CANDIDATES]
            if edits == nearest
        ]
        for text in [] if exact else self._glossary.near(word.text)[:_MOST_CANDIDATES]:
            ways += self._meant((words(text)[0].stem,), 0.6)
        return ways

    def _split(self, word: Word) -> list[Way]:
        """Two words that were written as one."""
        halves = [(word.text[:at], word.text[at:]) for at in range(3, len(word.text) - 2)]
        known = [
            (min(self._lexicon.weight(one), self._lexicon.weight(other)), one, other)
            for one, other in halves
            if self._lexicon.weight(one) and self._lexicon.weight(other)
        ]
        return [
            Way((words(one)[0].stem, words(other)[0].stem), 0.8, "split", f"{one} {other}")
            for _, one, other in sorted(known, reverse=True)[:1]
        ]

    def _sounding(self, word: Word) -> list[Way]:
        return [
            Way((words(text)[0].stem,), 0.5 * alike, "sounds like", text)
            for text, alike in self._lexicon.sounding(word.text)[:_MOST_CANDIDATES]
        ]
