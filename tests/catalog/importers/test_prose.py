"""Texts come out plain, short, and in time that doesn't grow faster than they do."""

import time

from app.catalog.importers import prose


def test_markup_scripts_and_entities_are_taken_out() -> None:
    text = "<p>Red&nbsp;lentils &amp; rice</p><script>alert(1)</script><ul><li>500&nbsp;g</li></ul><!-- x -->"
    assert prose.paragraphs(text, 200) == "Red lentils & rice\n500 g"


def test_markup_that_was_escaped_twice_is_taken_out_too() -> None:
    assert prose.paragraphs("&amp;lt;b&amp;gt;no&amp;lt;/b&amp;gt;", 99) == "<b>no</b>"
    assert prose.paragraphs("&lt;p&gt;fresh&lt;/p&gt;", 99) == "fresh"


def test_a_sign_is_no_markup() -> None:
    assert prose.line("5 < 6 & 7 > 3", 99) == "5 < 6 & 7 > 3"


def test_what_cannot_be_seen_is_dropped() -> None:
    assert prose.line("te\u202ea\x00 \ufeffmug\ud800", 99) == "tea mug"


def test_a_long_text_is_cut_at_a_word() -> None:
    cut = prose.line("lentils " * 1000, 50)
    assert len(cut) <= 50
    assert cut.endswith("lentils…")


def test_markup_that_is_never_closed_takes_no_longer() -> None:
    begun = time.perf_counter()
    for nasty in ("<" * 10**6, "<!--" * 10**5, "<script" * 10**5, "<a " * 10**5, "&" * 10**6):
        prose.paragraphs(nasty, 2000)
    assert time.perf_counter() - begun < 2
