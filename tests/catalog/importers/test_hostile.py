"""Files that are broken, cut off, or made to do harm get a clear answer."""

import gzip
import json
import random
import zlib

import pytest

from app.errors import ImportFailed
from tests.catalog.importers.conftest import ReadFeed

CSV = "id,name,price\n" + "".join(f"{n},Tea number {n},{n}.50\n" for n in range(1, 2000))
ITEM = "<item><id>{n}</id><title>Tea number {n}</title><price>{n}.50 ILS</price></item>"
XML = "<rss><channel>" + "".join(ITEM.format(n=n) for n in range(1, 2000)) + "</channel></rss>"
JSON = json.dumps(
    [
        {"@type": "Product", "sku": str(n), "name": f"Tea number {n}", "offers": {"price": n}}
        for n in range(1, 2000)
    ]
)
LINES = "".join(json.dumps({"id": n, "name": f"Tea {n}", "price": n}) + "\n" for n in range(1, 2000))
LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY a{n} "{"&a;" * 10}">' for n in range(10))
    + "]><rss><channel><item><title>&a9;</title></item></channel></rss>"
)


@pytest.mark.parametrize(
    "content",
    [
        LAUGHS,
        '<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss><item><title>&x;</title></item></rss>',
        '<!DOCTYPE rss [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x.dtd">%x;]><rss><item/></rss>',
        '<!DOCTYPE rss [<!ENTITY x "y">]><rss><item><title>harmless</title></item></rss>',
        '<!DOCTYPE rss [<!NOTATION n SYSTEM "n"><!ENTITY x SYSTEM "x" NDATA n>]><rss><item/></rss>',
    ],
)
def test_xml_that_declares_entities_is_refused(read_feed: ReadFeed, content: str) -> None:
    with pytest.raises(ImportFailed, match="entities"):
        read_feed(content)


def test_a_doctype_elsewhere_is_never_fetched(read_feed: ReadFeed) -> None:
    content = f'<!DOCTYPE rss SYSTEM "http://127.0.0.1:9/rss.dtd">{XML}'
    assert len(read_feed(content).products) == 1999


def test_endless_depth_and_endless_tags_are_refused(read_feed: ReadFeed) -> None:
    for content in ("<rss>" + "<a>" * 10_000, "<rss><!--" + "x" * 20_000_000, '<rss a="' + "x" * 20_000_000):
        with pytest.raises(ImportFailed):
            read_feed(content, format="google-xml")
    with pytest.raises(ImportFailed, match="deep"):
        read_feed('[{"@type": ' + "[" * 100_000, format="json-ld")


def test_one_endless_json_value_is_refused(read_feed: ReadFeed) -> None:
    with pytest.raises(ImportFailed, match="million"):
        read_feed('[{"@type": "Product", "name": "' + "x" * 40_000_000 + '"}]')


def test_a_gzip_bomb_is_refused(read_feed: ReadFeed) -> None:
    bomb = zlib.compressobj(9, wbits=31)
    packed = bomb.compress(b"id,name,price\n")
    for _ in range(40):
        packed += bomb.compress(b"1," + b"Tea " * 250_000 + b",5\n")
    with pytest.raises(ImportFailed, match="times its size"):
        read_feed(packed + bomb.flush())


@pytest.mark.parametrize("content", [CSV, XML, JSON, LINES], ids=["csv", "xml", "json", "lines"])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.777])
def test_a_file_that_is_cut_off_is_never_whole(read_feed: ReadFeed, content: str, share: float) -> None:
    end = int(len(content) * share)
    while content[end - 1] in "\n,0123456789":  # a cut at a row's end, or in its last number, can't be seen
        end -= 1
    found = read_feed(content[:end])
    assert found.report.counts == {"truncated": 1}
    assert not found.report.complete
    assert found.report.refusal()
    assert 1999 * share - 60 < len(found.products) < 1999 * share + 60


@pytest.mark.parametrize("content", [CSV, XML, JSON, LINES], ids=["csv", "xml", "json", "lines"])
def test_a_gzip_that_is_cut_off_is_never_whole_wherever_the_cut_is(read_feed: ReadFeed, content: str) -> None:
    packed = gzip.compress(content.encode())
    for left_out in (1, 4, 8, 9, len(packed) // 2):
        found = read_feed(packed[:-left_out])
        assert found.report.counts == {"truncated": 1}
        assert "gz" in found.issues[0].value
        assert not found.report.complete


def test_a_gzip_that_is_broken_inside_is_never_whole(read_feed: ReadFeed) -> None:
    dice = random.Random(4)
    rows = "id,name,price\n" + "".join(f"{n},{dice.randbytes(20).hex()},5\n" for n in range(3000))
    packed = bytearray(gzip.compress(rows.encode()))
    packed[len(packed) // 2 : len(packed) // 2 + 9] = b"\xff" * 9
    found = read_feed(bytes(packed), format="csv")
    assert "broken_gzip" in found.codes
    assert len(found.products) > 500
    assert not found.report.complete


def test_gzip_in_several_members_is_one_file(read_feed: ReadFeed) -> None:
    half = CSV.index("1000,")
    packed = gzip.compress(CSV[:half].encode()) + gzip.compress(CSV[half:].encode()) + b"\0" * 100
    assert len(read_feed(packed).products) == 1999


def test_xml_that_breaks_in_the_middle_keeps_what_came_before(read_feed: ReadFeed) -> None:
    found = read_feed(XML.replace("Tea number 1000", "Tea & biscuits"))
    assert len(found.products) == 999
    assert found.codes == ["broken_xml"]
    assert not found.report.complete


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1255"])
def test_encodings_are_told_apart(read_feed: ReadFeed, encoding: str) -> None:
    text = CSV.replace("Tea number", "תה מספר")
    assert read_feed(text.encode(encoding)).products[-1].name == "תה מספר 1999"


def test_hebrew_that_begins_late_in_the_file_is_still_recognised(read_feed: ReadFeed) -> None:
    rows = "id,name,price\n" + "".join(f"{n},Tea number {n},{n}.50\n" for n in range(1, 30_000))
    found = read_feed((rows + "30000,תה ירוק,5\n").encode("cp1255"))
    assert found.products[-1].name == "תה ירוק"


@pytest.mark.parametrize(
    "content",
    [
        CSV.encode("utf-32"),
        CSV.encode("utf-16-le"),
        CSV.replace("Tea", "Thé à la crème brûlée").encode("latin-1"),
        CSV.replace("Tea", "קקאו").encode("cp424", "replace"),
        b'<?xml version="1.0" encoding="x-klingon"?><rss/>',
    ],
)
def test_other_encodings_are_refused(read_feed: ReadFeed, content: bytes) -> None:
    with pytest.raises(ImportFailed):
        read_feed(content)


def test_a_broken_letter_costs_its_row(read_feed: ReadFeed) -> None:
    rows = CSV.replace("Tea", "תה").encode()
    found = read_feed(rows.replace("תה number 7,".encode(), b"\xd7 number 7,", 1))
    assert found.codes == ["bad_encoding"]
    assert len(found.products) == 1998


def test_a_feed_of_random_bytes_never_breaks_the_reader(read_feed: ReadFeed) -> None:
    dice = random.Random(7)
    for _ in range(60):
        for content in (CSV, XML, JSON, LINES):
            data = bytearray(content[:3000].encode())
            for _ in range(dice.randrange(1, 30)):
                data[dice.randrange(len(data))] = dice.randrange(256)
            try:
                read_feed(bytes(data))
            except ImportFailed:
                continue
