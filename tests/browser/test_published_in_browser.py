"""The published values of a made-up report in Debian's Chromium: two of them stand beside ours."""

import pytest
from playwright.sync_api import expect
from report_reader import Reader

pytestmark = pytest.mark.slow  # installs Chromium where it is missing

PAGE = "pages/published.html"


def test_values_beside_ours_filter_and_sort(reader: Reader) -> None:
    page = reader.open(PAGE)
    rows = page.locator("#values-beside tbody tr:visible")
    expect(page.locator("#beside [role=status]")).to_have_text("2 of 2 values")
    page.get_by_label("Find").fill("fusion")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text('A "fusion" & more')
    expect(rows.first).to_contain_text("0.9100±0.0123")
    page.get_by_label("Find").fill("")
    page.locator("#values-beside th", has_text="Published").get_by_role("button").click()
    expect(rows.first).to_contain_text("0.9100±0.0123")
    page.locator("#values-beside th", has_text="Published").get_by_role("button").click()
    expect(rows.first).to_contain_text("70.00")


def test_a_mark_leads_to_the_reason_even_where_it_is_folded(reader: Reader) -> None:
    page = reader.open(PAGE)
    page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = false; })")
    page.locator("#values-beside a", has_text="other backbone").first.click()
    reason = page.locator("#made_up-1 .why")
    expect(reason).to_be_in_viewport()
    expect(reason).to_contain_text("text.name tiny:<bert> instead of hub:google-bert/bert-base-uncased")


def test_a_value_of_a_method_that_was_not_run_has_no_number_beside_it(reader: Reader) -> None:
    page = reader.open(PAGE)
    row = page.locator("#made_up-3 tr")
    expect(row).to_contain_text("not run")
    assert [cell.inner_text().strip() for cell in row.locator("td").all()][3:6] == ["", "", ""]
