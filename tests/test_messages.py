import ast
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

import app
from app.messages import _translations

ROOT = Path(app.__file__).parent


def messages() -> Iterator[str]:
    """Every text that `say` is called with in app/, as it stands there."""
    for file in ROOT.rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from in_function(function)


def in_function(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    given: dict[str, list[ast.expr]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            given.setdefault(node.targets[0].id, []).append(node.value)
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "say":
            message = node.args[1]
            for value in given[message.id] if isinstance(message, ast.Name) else [message]:
                yield from texts(value)


def texts(value: ast.expr) -> Iterator[str]:
    if isinstance(value, ast.IfExp):
        yield from texts(value.body)
        yield from texts(value.orelse)
    else:
        assert isinstance(value, ast.Constant), ast.dump(value)
        assert isinstance(value.value, str)
        yield value.value


@pytest.mark.parametrize("language", [file.stem for file in (ROOT / "locale").glob("*.po")])
def test_every_message_is_translated_with_all_its_values(language: str) -> None:
    used = set(messages())
    assert len(used) > 20
    translations = _translations(language)
    assert used - translations.keys() == set()
    for message in used:
        assert fields(translations[message]) == fields(message)


@pytest.mark.parametrize("language", [file.stem for file in (ROOT / "locale").glob("*.po")])
def test_no_translation_is_of_a_message_that_is_gone(language: str) -> None:
    assert _translations(language).keys() - set(messages()) == set()


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}
