"""MJPEG over HTTP, cut into pictures."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.scanners.camera.multipart import Multipart, boundary_of

WITH_LENGTH = (
    b"--edge\r\nContent-Type: image/jpeg\r\nContent-Length: 5\r\n\r\nA--ed\r\n"
    b"--edge\r\ncontent-length:4\r\n\r\nB\r\nB\r\n--edge\r\n"
)
WITHOUT_LENGTH = b"--edge\r\nContent-Type: image/jpeg\r\n\r\nfirst\r\n--edge\n\nsecond\n--edge\r\n"


@given(cuts=st.lists(st.integers(0, len(WITH_LENGTH)), max_size=20))
def test_parts_with_their_length_come_whole_however_the_stream_is_cut(cuts: list[int]) -> None:
    assert fed(WITH_LENGTH, cuts) == [b"A--ed", b"B\r\nB"]


@given(cuts=st.lists(st.integers(0, len(WITHOUT_LENGTH)), max_size=20))
def test_parts_without_length_end_at_the_next_boundary(cuts: list[int]) -> None:
    assert fed(WITHOUT_LENGTH, cuts) == [b"first", b"second"]


@given(junk=st.binary(max_size=300))
def test_a_part_is_found_after_any_junk(junk: bytes) -> None:
    """Junk that looks like the beginning of a part swallows one part at most."""
    parts = Multipart(b"edge").feed(junk + WITHOUT_LENGTH + WITHOUT_LENGTH)
    assert parts[-1] == b"second"


def fed(stream: bytes, cuts: list[int]) -> list[bytes]:
    multipart = Multipart(b"edge")
    places = [0, *sorted(cuts), len(stream)]
    return [part for begin, end in pairwise(places) for part in multipart.feed(stream[begin:end])]


@pytest.mark.parametrize(
    ("told", "boundary"),
    [
        ("multipart/x-mixed-replace; boundary=edge", b"edge"),
        ('Multipart/x-mixed-replace;boundary="edge"', b"edge"),
        ("multipart/x-mixed-replace; boundary=--edge", b"edge"),
        ("text/html; charset=utf-8", None),
        ("multipart/x-mixed-replace", None),
        ("text/html; boundary=edge", None),
    ],
)
def test_the_boundary_is_taken_from_the_content_type(told: str, boundary: bytes | None) -> None:
    assert boundary_of(told) == boundary
