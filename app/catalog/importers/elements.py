"""Rows of an XML file as they go by: expat from the standard library, and no entity declarations.

Expat and not ElementTree, because a file of any size is read without building a tree, and because it
reports an entity declaration before anything can come of it: refusing that one event stops entity bombs
and external entities alike, which is what defusedxml does around the same parser.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from typing import Final
from xml.parsers import expat

from app.catalog.importers.prose import MOST_TEXT
from app.catalog.importers.source import FileDamaged, Source
from app.errors import ImportFailed

_MOST_DEEP: Final = 64
_MOST_FIELDS: Final = 300
_MOST_TOKEN: Final = 4 << 20
"""Bytes that expat may hold back, waiting for the end of one tag or comment."""

_GOOGLE: Final = "base.google.com"


@dataclass(slots=True)
class Element:
    """A row: its fields by lower-case name, `parent/child` for nested ones, `name@href` for a link's target.

    Of a field that comes more than once the first that says something stays. Names keep no prefix but
    `g:`, whatever the file calls that namespace. Outside of rows, every element without children is
    an `Element` too: its text is the field `""`.
    """

    name: str
    fields: dict[str, str] = field(default_factory=dict)
    is_row: bool = True

    def get(self, *names: str) -> str:
        """The first of these fields that says something."""
        for name in names:
            if value := self.fields.get(name, ""):
                return value
        return ""


def elements(source: Source, rows: frozenset[str]) -> Iterator[Element]:
    """The elements named in `rows`, and what stands around them, in the file's order.

    Raises `ImportFailed` for entity declarations and for XML made to exhaust its reader, `FileDamaged`
    where the XML is cut off or not well formed.
    """
    parser = expat.ParserCreate()
    handlers = _Handlers(source, rows)
    parser.buffer_text = True
    parser.buffer_size = 1 << 14
    parser.StartElementHandler = handlers.start
    parser.EndElementHandler = handlers.end
    parser.CharacterDataHandler = handlers.text
    parser.EntityDeclHandler = handlers.refuse_entity
    parser.UnparsedEntityDeclHandler = handlers.refuse_entity
    parser.ExternalEntityRefHandler = handlers.refuse_entity
    # HTML's entities (&nbsp;) stand undeclared in many feeds; like this expat hands them over by name.
    parser.UseForeignDTD(True)
    parser.SkippedEntityHandler = handlers.html_entity
    fed = 0
    try:
        for text in source.text():
            piece = text if fed else text.lstrip()  # a blank line before <?xml is common, and wrong
            parser.Parse(piece, False)
            fed += len(piece.encode("utf-8", "replace"))
            if fed - parser.CurrentByteIndex > _MOST_TOKEN:
                raise ImportFailed(f"{source.path}: line {parser.CurrentLineNumber}: a tag without an end.")
            yield from handlers.taken()
        parser.Parse("", True)
    except expat.ExpatError as error:
        yield from handlers.taken()
        raise _damage(error, handlers.path) from None
    yield from handlers.taken()


class _Handlers:
    """What expat calls; `taken` hands over the elements that are whole by then."""

    def __init__(self, source: Source, rows: frozenset[str]) -> None:
        self.path: list[str] = []
        self._source = source
        self._rows = rows
        self._google: set[str] = {"g"}
        self._row: Element | None = None
        self._row_depth = 0
        self._text: list[str] = []
        self._length = 0
        self._leaf = False
        self._ready: list[Element] = []

    def taken(self) -> list[Element]:
        ready, self._ready = self._ready, []
        return ready

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if len(self.path) >= _MOST_DEEP:
            raise ImportFailed(f"{self._source.path}: elements are nested more than {_MOST_DEEP} deep.")
        for name, value in attributes.items():
            if name.startswith("xmlns:") and _GOOGLE in value:
                self._google.add(name[6:])
        name = self._name(tag)
        self.path.append(name)
        self._text.clear()
        self._length = 0
        self._leaf = True
        if self._row is None and name.removeprefix("g:") in self._rows:
            self._row = Element(name)
            self._row_depth = len(self.path)
        elif "href" in attributes and attributes.get("rel", "alternate") == "alternate":
            self._field(f"{name}@href", attributes["href"])
        if "xml:lang" in attributes and self._row is None:
            self._field("xml:lang", attributes["xml:lang"])

    def end(self, _tag: str) -> None:
        text = "".join(self._text).strip() if self._leaf else ""
        depth = len(self.path)
        if self._row is not None and depth == self._row_depth:
            self._ready.append(self._row)
            self._row = None
        elif self._leaf and text:
            self._field("/".join(self.path[self._row_depth :]) if self._row else self.path[-1], text)
        self.path.pop()
        self._text.clear()
        self._length = 0
        self._leaf = False

    def text(self, data: str) -> None:
        if self._length < MOST_TEXT:
            self._text.append(data)
            self._length += len(data)

    def html_entity(self, name: str, is_parameter: bool) -> None:
        if not is_parameter:
            self.text(unescape(f"&{name};"))

    def refuse_entity(self, *_: object) -> int:
        raise ImportFailed(
            f"{self._source.path}: the XML declares entities of its own, as bombs do and catalogues don't; "
            "take the <!DOCTYPE …> out."
        )

    def _field(self, name: str, value: str) -> None:
        if self._row is None:
            self._ready.append(Element(name, {"": value}, is_row=False))
        elif name not in self._row.fields and len(self._row.fields) < _MOST_FIELDS:
            self._row.fields[name] = value

    def _name(self, tag: str) -> str:
        prefix, _, local = tag.rpartition(":")
        local = local.lower()
        return f"g:{local}" if prefix in self._google else local


def _damage(error: expat.ExpatError, path: list[str]) -> FileDamaged:
    where = f"line {error.lineno}" + (f", inside <{path[-1]}>" if path else "")
    ended = {
        expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS],
        expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN],
        expat.errors.codes[expat.errors.XML_ERROR_PARTIAL_CHAR],
        expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION],
    }
    if error.code in ended:
        return FileDamaged("truncated", f"{where}: the XML ends early", "the end of every element")
    return FileDamaged("broken_xml", f"{where}: {expat.ErrorString(error.code)}", "well-formed XML")
