"""Server-sent events, however the network cuts them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.adapters.sse import MAX_EVENT_BYTES, EventTooLong, SseParser

STREAM = b': hi\r\n\r\nevent: x\ndata: {"a": "\xc3\xa9"}\n\ndata:one\ndata: two\r\n\r\nid: 7\n\ndata: [DONE]\n\n'
EVENTS = [b'{"a": "\xc3\xa9"}', b"one\ntwo", b"[DONE]"]


@given(st.sets(st.integers(0, len(STREAM))))
def test_the_same_events_come_out_wherever_the_stream_is_cut(cuts: set[int]) -> None:
    parser = SseParser()
    edges = [0, *sorted(cuts), len(STREAM)]
    reads = [STREAM[start:end] for start, end in pairwise(edges)]
    assert [event for read in reads for event in parser.feed(read)] == EVENTS
    assert parser.end() == []


@given(st.binary(max_size=300))
def test_any_bytes_are_taken(read: bytes) -> None:
    parser = SseParser()
    assert b"".join(parser.feed(read) + parser.end()).count(b"\x00") <= read.count(b"\x00")


def test_what_the_end_cuts_off_is_given_out() -> None:
    parser = SseParser()
    assert parser.feed(b'data: {"half') == []
    assert parser.end() == [b'{"half']


@pytest.mark.parametrize("read", [b"data: " + b"x" * MAX_EVENT_BYTES, b"data: xxxxxxxx\n" * (MAX_EVENT_BYTES // 10)])
def test_an_endless_event_is_refused(read: bytes) -> None:
    with pytest.raises(EventTooLong):
        SseParser().feed(read)
