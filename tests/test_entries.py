"""Every published entry of timm and open_clip is judged or refused with a reason, and the list in docs says which."""

from __future__ import annotations

import csv

import pytest

from benchmarks.entries import FILE, aggregated, entries

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def listed():
    """All entries of the installed libraries."""
    return entries()


def test_no_entry_falls_through(listed):
    """Each of both libraries' lists is there once, and says how it is judged or why it is not."""
    import open_clip
    import timm

    named = [*timm.list_pretrained(), *("/".join(pair) for pair in open_clip.list_pretrained())]
    assert [each.entry for each in listed] == named
    assert {each.judged for each in listed} == {"yes", "no"}
    assert all(each.how for each in listed)
    assert all(each.preprocessing for each in listed if each.judged == "yes")


def test_the_list_in_docs_is_of_the_pinned_libraries(listed):
    """`python -m benchmarks.entries` writes it; what an entry is seen through and judged by is what it says."""
    with FILE.open(encoding="utf-8", newline="") as stream:
        rows = {(row["source"], row["entry"]): row for row in csv.DictReader(stream)}
    known = [each for each in listed if (each.source, each.entry) in rows]
    assert len(known) > 0.9 * len(rows), "write it anew for another version of timm or open_clip"
    for each in known:
        row = rows[each.source, each.entry]
        assert (each.preprocessing, each.head, each.judged) == (row["preprocessing"], row["head"], row["judged"])
    if len(listed) == len(rows):
        assert aggregated(listed) in (FILE.parent / "sources.md").read_text(encoding="utf-8")
