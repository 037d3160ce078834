"""Texts of a feed made plain: no markup, no entities, no control characters, no endless length."""

import html
import re
from typing import Final

MOST_TEXT: Final = 1 << 16
"""Of a longer field the rest isn't even looked at."""

_UNWANTED: Final = re.compile(
    # controls, zero-width and bidirectional marks, lone surrogates (JSON can spell them), non-characters
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff"
    "\ufffe\uffff]"
)
_BLOCK: Final = re.compile(r"/?(?:p|br|div|li|ul|ol|tr|table|h[1-6]|section|article|hr)\b", re.IGNORECASE)
_HIDDEN: Final = re.compile(r"(script|style)\b", re.IGNORECASE)


def line(text: str, most: int) -> str:
    """`text` on one line of at most `most` characters."""
    return _cut(" ".join(_plain(text).split()), most)


def paragraphs(text: str, most: int) -> str:
    """`text` with its lines, none of them empty, at most `most` characters in all."""
    lines = (" ".join(one.split()) for one in _plain(text).splitlines())
    return _cut("\n".join(one for one in lines if one), most)


def code(text: str) -> str:
    """An id, an address or a code: one line, with nothing invisible in it."""
    return " ".join(_UNWANTED.sub("", text[:MOST_TEXT]).split())


def _plain(text: str) -> str:
    text = text[:MOST_TEXT]
    if "<" in text:
        text = _without_tags(text)
    if "&" in text:
        text = html.unescape(text)
        if "<" in text:  # feeds escape their HTML once more than they should
            text = _without_tags(text)
        if "&" in text:
            text = html.unescape(text)
    return _UNWANTED.sub("", text)


def _without_tags(text: str) -> str:
    """`text` without tags, comments, scripts. Linear: what is never closed ends the search for its end."""
    kept: list[str] = []
    at = 0
    while (start := text.find("<", at)) >= 0:
        kept.append(text[at:start])
        following = text[start + 1 : start + 2]
        if not (following.isalpha() or following in {"/", "!", "?"}) or not following:
            kept.append("<")  # a sign, as in "5 < 6"
            at = start + 1
            continue
        if text.startswith("<!--", start):
            end, width = text.find("-->", start), 3
        elif hidden := _HIDDEN.match(text, start + 1):
            end, width = text.lower().find(f"</{hidden[1].lower()}", start), 0
        else:
            end, width = text.find(">", start), 1
        if end < 0:
            return "".join(kept)
        kept.append("\n" if _BLOCK.match(text, start + 1) else " " if width != 1 else "")
        at = end + width
    kept.append(text[at:])
    return "".join(kept)


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    cut = text[: most - 1]
    word_end = cut.rfind(" ")
    return (cut[:word_end] if word_end > most // 2 else cut).rstrip() + "…"
