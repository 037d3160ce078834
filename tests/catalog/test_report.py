"""A report says how an import went, to a person and to a program, however much went wrong."""

import json
from pathlib import Path

from app.catalog.report import KEPT, ImportReport, Issue


def report_of(errors: int, products: int) -> ImportReport:
    report = ImportReport(Path("feed.csv"), "shop", "csv", rows=errors + products, products=products)
    for row in range(1, errors + 1):
        report.set_aside(Issue("no_price", row, "price", "", "a number such as 24.90"))
    return report


def test_every_issue_is_counted_and_the_first_of_each_code_kept() -> None:
    report = report_of(errors=1000, products=0)
    report.note(Issue("bad_gtin", 5, "gtin", "123", "8, 12, 13 or 14 digits", "warning"))
    assert report.counts == {"no_price": 1000, "bad_gtin": 1}
    assert [issue.row for issue in report.issues] == [*range(1, KEPT + 1), 5]
    assert (report.quarantined, report.errors) == (1000, 1000)


def test_the_text_names_row_field_value_and_what_was_expected() -> None:
    text = report_of(errors=30, products=1).text(most=2)
    assert "30 × no_price (error)" in text
    assert "row 1: price is ''; expected a number such as 24.90" in text
    assert "… and 28 more" in text


def test_the_json_says_the_same() -> None:
    said = json.loads(json.dumps(report_of(errors=30, products=1).to_json()))
    assert (said["rows"], said["products"], said["quarantined"], said["complete"]) == (31, 1, 30, True)
    assert (said["issues"][0]["code"], said["issues"][0]["count"]) == ("no_price", 30)
    assert len(said["issues"][0]["first"]) == KEPT
    assert said["issues"][0]["first"][0]["expected"] == "a number such as 24.90"


def test_a_good_file_may_replace_a_catalogue() -> None:
    assert report_of(errors=5, products=95).refusal(products_before=100) is None


def test_a_file_is_refused_for_errors_losses_and_cuts() -> None:
    assert "in error" in (report_of(errors=6, products=94).refusal() or "")
    assert "would go" in (report_of(errors=0, products=69).refusal(products_before=100) or "")
    assert "no product" in (report_of(errors=0, products=0).refusal() or "")
    cut = report_of(errors=0, products=100)
    cut.complete = False
    cut.note(Issue("truncated", 0, "file", "line 7", "its end"))
    assert "truncated: line 7" in (cut.refusal() or "")
