"""The pages as a strict parser sees them."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import html5lib


def test_every_page_is_valid_and_leads_nowhere_that_is_not(make_report: Callable[..., Path]) -> None:
    folder = make_report()
    for path in sorted(folder.rglob("*.html")):
        parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
        elements = list(parser.parse(path.read_text(encoding="utf-8")).iter())
        ids = Counter(element.get("id") for element in elements if element.get("id") is not None)
        assert [name for name, n in ids.items() if n > 1] == [], path
        for element in elements:
            for target in (element.get("href"), element.get("src")):
                file, _, fragment = (target or "").partition("#")
                assert not file or (path.parent / file).is_file(), f"{path}: {target}"
                assert file or not fragment or fragment in ids, f"{path}: {target}"
