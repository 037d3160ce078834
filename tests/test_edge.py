"""Answers with their letters as letters: the same JSON, whatever is in it."""

import json

import pytest

from app.edge import _unescaped


@pytest.mark.parametrize(
    "text",
    [
        "שלום × 2",
        'a "quoted" \\ backslash, \\u05d0 as text, \\\\u05d0, \\\\\\u05d0',
        "ends with \\",
        "a\nline\tand\x01\x1f controls with א",
        "😀 beside א",
        "é \x7f \x80 \u2028 \u2067 \ud7ff \uffff",
    ],
)
def test_an_answer_says_the_same_with_its_letters_unescaped(text: str) -> None:
    said = {"a": text, text: [text]}
    plain = _unescaped(json.dumps(said).encode())
    assert json.loads(plain) == said
    assert "א" not in text or "א" in plain.decode()


def test_half_a_character_is_left_as_it_is() -> None:
    body = b'{"a":"\\ud83d \\u05d0"}'
    assert _unescaped(body) == body
