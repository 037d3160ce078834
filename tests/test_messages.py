import ast
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from bidi import get_display

import app
from app import messages
from app.messages import (
    FOLDER,
    MARKS,
    Code,
    Message,
    Price,
    Text,
    languages,
    messages_of,
    plain,
    right_to_left,
    say,
)

ROOT = Path(app.__file__).parent
FILES = sorted(FOLDER.glob("*.po"))


def in_source() -> Iterator[Text]:
    """Every text that `say` or `Message` is called with in app/, as it stands there."""
    for file in ROOT.rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            for child in ast.iter_child_nodes(node):
                child.parent = node  # type: ignore[attr-defined]  # the way up, for `assigned`
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                place = {"say": 1, "Message": 0}.get(node.func.id)
                if place is not None:
                    yield from texts(node.args[place])


def texts(value: ast.expr) -> Iterator[Text]:
    match value:
        case ast.IfExp():
            yield from texts(value.body)
            yield from texts(value.orelse)
        case ast.Name():
            yield from (text for one in assigned(value) for text in texts(one))
        case ast.Tuple():
            one, many = (ast.literal_eval(part) for part in value.elts)
            yield one, many
        case ast.Attribute(attr="_text"):
            pass  # Message handing on its own
        case _:
            text = ast.literal_eval(value)
            assert isinstance(text, str)
            yield text


def assigned(name: ast.Name) -> list[ast.expr]:
    """What is assigned to a local name in the function around it."""
    scope: ast.AST = name
    while not isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef):
        scope = scope.parent  # type: ignore[attr-defined]  # as above
    found = [
        node.value
        for node in ast.walk(scope)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        if node.targets[0].id == name.id
    ]
    assert found, f"line {name.lineno}: where does {name.id} come from?"
    return found


def read(file: Path) -> Catalog:
    with file.open("rb") as po:
        return read_po(po, locale=file.stem)


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_message_of_the_source_is_translated_and_none_besides(file: Path) -> None:
    used = set(in_source())
    assert len(used) > 100
    translated = {message.id for message in read(file) if message.id and not message.context}
    assert used - translated == set()
    assert translated - used == set()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_translation_is_whole_and_takes_the_same_values(file: Path) -> None:
    catalog = read(file)
    assert len(catalog) > 100
    for message in catalog:
        if not message.id:
            continue
        assert not message.fuzzy, message.id
        if isinstance(message.id, str):
            assert message.string, message.id
            assert fields(str(message.string)) == fields(message.id)
            continue
        one, many = message.id
        forms = [str(form) for form in message.string or ()]
        assert len(forms) == catalog.num_plurals, message.id
        for form in forms:
            assert form, message.id
            # A form for one or two may say the number in a word.
            assert fields(form) <= fields(one) | fields(many)
        assert fields(forms[-1]) == fields(many)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_nobody_typed_an_invisible_mark_into_a_translation(file: Path) -> None:
    assert not set(MARKS) & set(file.read_text(encoding="utf-8"))


def test_a_text_without_a_translation_is_english() -> None:
    assert say("fr_FR", "The cart is empty.") == "The cart is empty."
    assert say("he_IL", "{count} unheard of", count=3) == "3 unheard of"


@pytest.mark.parametrize(
    ("locale", "count", "said"),
    [
        ("en_US", 1, "Found one product."),
        ("en_US", 1234, "Found 1,234 products, 8 shown here."),
        ("he_IL", 1, "נמצא מוצר אחד."),
        ("he_IL", 2, "נמצאו שני מוצרים, 8 מוצגים כאן."),
        ("he_IL", 1234, "נמצאו 1,234 מוצרים, 8 מוצגים כאן."),
    ],
)
def test_plurals_and_numbers_follow_the_language(locale: str, count: int, said: str) -> None:
    pair = ("Found one product.", "Found {count} products, {shown} shown here.")
    assert say(locale, pair, count=count, shown=8) == said


def test_times_are_written_as_the_locale_does_and_say_their_zone() -> None:
    noon = datetime(2026, 11, 25, 12, 30, tzinfo=UTC)
    assert say("en_US", "{at}", at=noon).replace("\u202f", " ") == "Nov 25, 2026, 12:30:00 PM UTC"
    assert say("he_IL", "{at}", at=noon) == "25 בנוב׳ 2026, 12:30:00 UTC"


LINE = "- {quantity} × {name} · {unit_price} = {subtotal} [{product_id}]"


def line(locale: str, name: str) -> str:
    return say(
        locale,
        LINE,
        quantity=2,
        name=name,
        unit_price=Price("15.90 ₪"),
        subtotal=Price("31.80 ₪"),
        product_id=Code("agala-organic:1001"),
    )


def shown(text: str) -> str:
    """As a chat shows a paragraph, from left to right (UAX #9); marks are unseen."""
    return plain(get_display(text))


@pytest.mark.parametrize("name", ["חלב 3%", "Bamba 80g", "קוקה קולה Zero 1.5L", "7UP", "(חדש) Oats"])
def test_a_line_from_right_to_left_keeps_its_parts_in_order_whatever_the_name_is(name: str) -> None:
    seen = shown(line("he_IL", name))
    parts = [seen.index("[agala-organic:1001]"), seen.index("31.80"), seen.index("15.90"), seen.rindex("× 2")]
    assert parts == sorted(parts)
    assert shown(f"\u2067{name}\u2069") in seen or shown(f"\u2066{name}\u2069") in seen


@pytest.mark.parametrize("name", ["חלב 3%", "Bamba 80g", "קוקה קולה Zero 1.5L"])
def test_a_line_from_left_to_right_keeps_its_parts_in_order_whatever_the_name_is(name: str) -> None:
    seen = shown(line("en_US", name))
    parts = [
        seen.index("- 2 ×"),
        seen.index("15.90"),
        seen.index("31.80"),
        seen.index("[agala-organic:1001]"),
    ]
    assert parts == sorted(parts)


def test_without_isolates_the_same_line_is_scrambled() -> None:
    """What the isolates are for; if this fails, they aren't needed any more."""
    seen = shown(plain(line("he_IL", "Bamba 80g")))
    assert not seen.index("31.80") < seen.index("15.90") < seen.index("Bamba")


@pytest.mark.parametrize("locale", ["he_IL", "en_US"])
def test_no_mark_touches_what_a_model_copies(locale: str) -> None:
    text = line(locale, "במבה Bamba")
    assert "[agala-organic:1001]" in text
    advice = (
        "Pass cart_id={cart_id} on every later call: this client may open a new session, and the cart is "
        "still found then."
    )
    assert " cart_id=cart_0123456789 " in say(locale, advice, cart_id=Code("cart_0123456789"))


def test_marks_that_somebody_smuggled_into_a_name_end_with_it() -> None:
    assert plain(line("en_US", "a\u202eevil")) == "- 2 × aevil · 15.90 ₪ = 31.80 ₪ [agala-organic:1001]"
    assert "\u202e" not in line("he_IL", "במבה\u202e")


def test_a_value_may_be_a_message_or_a_list_of_them() -> None:
    words = [Message("{word} → {taken}", word="tomatoes", taken="עגבניה"), Message("yes")]
    assert plain(say("he_IL", "Translated: {words}", words=words)) == "תורגם: tomatoes ← עגבניה, כן"


@contextmanager
def words_from(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The messages of another folder, and afterwards none of what was remembered of it."""
    remembered = (messages._files, messages._catalog, messages._translations, messages._words)
    with monkeypatch.context() as patch:
        patch.setattr(messages, "FOLDER", folder)
        for one in remembered:
            one.cache_clear()
        yield
    for one in remembered:
        one.cache_clear()


def test_another_language_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "eo.po").write_text(
        'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n'
        '"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'
        'msgid "The cart is empty."\nmsgstr "La ĉaro estas malplena."\n\n'
        'msgctxt "widget"\nmsgid "{count} piece"\nmsgid_plural "{count} pieces"\n'
        'msgstr[0] "{count} peco"\nmsgstr[1] "{count} pecoj"\n',
        encoding="utf-8",
    )
    with words_from(tmp_path, monkeypatch):
        assert languages() == {"en", "eo"}
        assert say("eo", "The cart is empty.") == "La ĉaro estas malplena."
        assert say("eo", "yes") == "yes"
        assert say("he_IL", "The cart is empty.") == "The cart is empty."
        assert messages_of("eo", "widget") == {
            "{count} piece": {"one": "{count} peco", "other": "{count} pecoj"}
        }
        assert messages_of("en_US", "widget") == {
            "{count} piece": {"one": "{count} piece", "other": "{count} pieces"}
        }


def test_the_direction_is_that_of_the_words_not_of_the_shop() -> None:
    assert [right_to_left(locale) for locale in ("he_IL", "en_US", "ar_EG")] == [True, False, False]
