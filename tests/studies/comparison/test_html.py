import re
from html.parser import HTMLParser

from dipole.studies.comparison.html import report_html

VOID = {"meta", "br", "line", "circle"}


class Strict(HTMLParser):
    """Raises where tags do not match, and keeps the text."""

    def __init__(self):
        super().__init__()
        self.open, self.text = [], []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        assert tag in VOID

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_well_formed_self_contained_and_escaped(comparison):
    page = report_html(comparison)
    parser = Strict()
    parser.feed(page)
    assert parser.open == []
    text = " ".join(parser.text)
    assert "<bad>" in text
    assert "no & never" in text
    assert "<bad>" not in page
    # Nothing is fetched, nothing runs.
    assert not re.search(r"https?:|src=|<script|<link|@import|url\(", page)
    assert 'name="viewport"' in page


def test_says_who_is_best_and_who_is_tied(comparison):
    page = report_html(comparison)
    assert "not separable from it" in page
    assert page.count("tied with best") == 1
    assert page.count('role="img"') == 3
    assert re.search(r"far: 3\d\.\d\d \[", page)


def test_bars_stay_inside(comparison):
    for percent in re.findall(r'(?:x1|x2|cx)="([-\d.]+)%"', report_html(comparison)):
        assert 0 <= float(percent) <= 100
