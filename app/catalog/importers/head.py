"""The first few thousand characters of a file: enough to tell its format by."""

import csv
import re
from dataclasses import dataclass, field
from typing import Final, Literal

from app.catalog.importers.table import column_names, delimiter_of

_ROOT: Final = re.compile(r"<([A-Za-z_][\w.:-]*)")
_PROLOGUE: Final = re.compile(r"\s*(?:<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^>\[]*(?:\[.*?\]\s*)?>)", re.DOTALL)
_KEY: Final = re.compile(r'"((?:[^"\\\n]|\\.){1,60})"\s*:')


@dataclass(frozen=True, slots=True)
class Head:
    """`kind` is the syntax; `names` are the root element, the JSON keys, or the columns (as compared)."""

    text: str
    kind: Literal["xml", "html", "json", "jsonl", "table"]
    root: str = ""
    names: frozenset[str] = field(default_factory=frozenset)


def head_of(text: str) -> Head:
    """What the beginning of a file shows."""
    text = text.lstrip("\ufeff \t\r\n")
    if text.startswith("<"):
        return _markup(text)
    if text.startswith(("{", "[")):
        keys = frozenset(_KEY.findall(text))
        first_line, newline, rest = text.partition("\n")
        # Without a newline it is one line, of which the end may be out of sight.
        is_lines = text.startswith("{") and (not newline or first_line.rstrip().endswith("}"))
        is_lines = is_lines and (not newline or rest.lstrip()[:1] in {"", "{"})
        # One object on one line may be either; a list of products inside makes it a document.
        if is_lines and (rest.strip() or not keys & {"products", "@graph", "@type", "product"}):
            return Head(text, "jsonl", "{", frozenset(_KEY.findall(first_line)))
        return Head(text, "json", text[0], keys)
    line = next((line for line in text.splitlines() if line.strip() and not line.startswith("sep=")), "")
    columns = column_names(next(csv.reader([line], delimiter=delimiter_of(line)), []))
    return Head(text, "table", "", frozenset(columns))


def _markup(text: str) -> Head:
    at = 0
    while (prologue := _PROLOGUE.match(text, at)) is not None:
        at = prologue.end()
    found = _ROOT.search(text, at)
    root = found[1].rpartition(":")[2].lower() if found else ""
    if root in {"html", "head", "body", "script", "div"} or text[:15].lower() == "<!doctype html>":
        return Head(text, "html", "html")
    names = frozenset(name.rpartition(":")[2].lower() for name in _ROOT.findall(text))
    return Head(text, "xml", root, names)
