"""What every door says when it doesn't do what it was asked (push-api.md §1)."""

from __future__ import annotations

from ropewalk.core import errortable


def test_sentences_name_what_is_missing_too_much_or_too_large() -> None:
    assert [
        errortable.missing_scopes("ingest:write", "events:read"),
        errortable.too_many_calls(17),
        errortable.too_large(10_485_760),
        errortable.not_this_method("DELETE", "GET, POST"),
    ] == [
        "This key lacks ingest:write, events:read. Use a key that has that scope.",
        "This key has made all the calls that it may in this minute; go on in 17 s.",
        "A body has at most 10485760 bytes.",
        "This address takes GET, POST, not DELETE.",
    ]
