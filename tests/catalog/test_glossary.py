from pathlib import Path

import pytest

from app.catalog.glossary import OURS, Glossary, read_glossary
from app.catalog.words import words
from app.errors import ImportFailed


@pytest.fixture(scope="module")
def ours() -> Glossary:
    return read_glossary([OURS])


def meant(glossary: Glossary, phrase: str) -> set[str]:
    return {meaning.text for meaning in glossary.meanings(tuple(word.stem for word in words(phrase)))}


def test_our_glossary_has_six_hundred_rows() -> None:
    rows = [line for line in OURS.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    assert len(rows) >= 600
    assert all(line.count("\t") == 1 for line in rows)


@pytest.mark.parametrize(
    ("phrase", "translation"),
    [("olive oil", "שמן זית"), ("Almonds", "שקדים"), ("טחינה", "tahini"), ("toilet paper", "נייר טואלט")],
)
def test_phrases_translate_both_ways_in_any_inflection(ours: Glossary, phrase: str, translation: str) -> None:
    assert translation in meant(ours, phrase)


def test_a_slip_in_a_foreign_word_is_near_it(ours: Glossary) -> None:
    assert "cinnamon" in ours.near("cinamon")


def test_an_owner_adds_synonyms(tmp_path: Path) -> None:
    own = tmp_path / "synonyms.tsv"
    own.write_text("# ours\nגבינת הבית\thouse cheese\nשוקו|קקאו קר\n", encoding="utf-8")
    glossary = read_glossary([OURS, own])
    assert "גבינת הבית" in meant(glossary, "house cheese")
    assert "קקאו קר" in meant(glossary, "שוקו")


@pytest.mark.parametrize("content", [b"one phrase only\n", b"\xff\xfe\x00bad"])
def test_a_file_that_is_no_glossary_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "synonyms.tsv"
    file.write_bytes(content)
    with pytest.raises(ImportFailed, match=r"synonyms\.tsv"):
        read_glossary([file])
