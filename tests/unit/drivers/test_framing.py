"""Framing: whatever the split of the stream, the same frames."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.framing import CR, LINE_ENDS, Delimited, Frame, Garbage

MAX_LENGTH = 5

streams = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"bc", b"\x1d", b"\x03", b"defghijk"])).map(b"".join)
terminators = st.sampled_from([LINE_ENDS, (b"\r",), (b"\n", b"\r\n"), (b"\x03\r",), (b"c\x1d\r", b"\x1d")])


def bodies(found: list[Frame | Garbage]) -> list[tuple[type, bytes]]:
    """What a frame says, without the tail of a terminator that a split may cut off `raw`."""
    return [(Frame, cut.body) if isinstance(cut, Frame) else (Garbage, cut.raw.rstrip(b"\r\n")) for cut in found]


def fed(framing: Delimited, pieces: list[bytes]) -> list[Frame | Garbage]:
    return [cut for piece in pieces for cut in framing.feed(piece)]


@pytest.mark.parametrize("end", LINE_ENDS)
def test_each_line_end_gives_one_frame_a_line(end: bytes) -> None:
    """CR, LF and CR LF all end a line, and none gives an empty second frame."""
    found = Delimited(LINE_ENDS, MAX_LENGTH).feed(b"ab" + end + b"cd" + end)
    assert found == [Frame(b"ab" + end, b"ab"), Frame(b"cd" + end, b"cd")]


def test_a_frame_does_not_wait_for_the_second_half_of_its_terminator() -> None:
    """CR gives the frame at once; the LF of the same line end, read later, gives nothing."""
    framing = Delimited(LINE_ENDS, MAX_LENGTH)
    assert framing.feed(b"ab\r") == [Frame(b"ab\r", b"ab")]
    assert framing.feed(b"\n") == []
    assert framing.feed(b"cd\r\n") == [Frame(b"cd\r\n", b"cd")]


def test_two_line_ends_are_an_empty_frame() -> None:
    """Only the LF right after a CR belongs to it."""
    assert bodies(Delimited(LINE_ENDS, MAX_LENGTH).feed(b"\r\n\n\r")) == [(Frame, b"")] * 3


def test_half_a_frame_is_not_yet_a_frame() -> None:
    """Bytes wait for their end, and `flush` gives them back once."""
    framing = Delimited((CR,), MAX_LENGTH)
    assert framing.feed(b"ab") == []
    assert framing.flush() == b"ab"
    assert framing.flush() == b""
    assert framing.feed(b"c\r") == [Frame(b"c\r", b"c")]


def test_flush_forgets_the_line_end_before() -> None:
    """A LF after reopening belongs to no CR from before."""
    framing = Delimited(LINE_ENDS, MAX_LENGTH)
    framing.feed(b"ab\r")
    framing.flush()
    assert framing.feed(b"\n") == [Frame(b"\n", b"")]


def test_a_frame_of_the_greatest_length_is_a_frame() -> None:
    """The limit counts the body alone and is itself allowed."""
    assert Delimited((b"\r\n",), MAX_LENGTH).feed(b"abcde\r\n") == [Frame(b"abcde\r\n", b"abcde")]


def test_too_long_is_garbage_up_to_the_next_end() -> None:
    """No byte of a frame without end is lost or taken for a frame; the frame after it is whole."""
    found = Delimited((CR,), MAX_LENGTH).feed(b"abcdefghijklmnop\rok\r")
    assert b"".join(cut.raw for cut in found) == b"abcdefghijklmnop\rok\r"
    assert [type(cut) for cut in found] == [Garbage, Garbage, Garbage, Frame]
    assert found[-1] == Frame(b"ok\r", b"ok")


@pytest.mark.parametrize("wrong", [(), (b"",), (b"\r", b"")])
def test_terminators_are_never_empty(wrong: tuple[bytes, ...]) -> None:
    with pytest.raises(ValueError, match="terminators"):
        Delimited(wrong, MAX_LENGTH)


@given(streams, terminators)
def test_every_split_in_two_gives_the_same(stream: bytes, ends: tuple[bytes, ...]) -> None:
    """A stream cut at any one place gives the same frames and the same rest as in one piece."""
    whole = Delimited(ends, MAX_LENGTH)
    expected = (bodies(whole.feed(stream)), whole.flush())
    for at in range(len(stream) + 1):
        split = Delimited(ends, MAX_LENGTH)
        assert (bodies(fed(split, [stream[:at], stream[at:]])), split.flush()) == expected


@given(streams, terminators)
def test_byte_by_byte_gives_the_same(stream: bytes, ends: tuple[bytes, ...]) -> None:
    """The finest split gives the same as one piece."""
    whole, fine = Delimited(ends, MAX_LENGTH), Delimited(ends, MAX_LENGTH)
    expected = bodies(whole.feed(stream))
    assert bodies(fed(fine, [bytes([byte]) for byte in stream])) == expected
    assert fine.flush() == whole.flush()


@given(streams, terminators)
def test_no_byte_is_lost(stream: bytes, ends: tuple[bytes, ...]) -> None:
    """In one piece, the raw bytes of all that comes out, and the rest, are the stream."""
    framing = Delimited(ends, MAX_LENGTH)
    assert b"".join(cut.raw for cut in framing.feed(stream)) + framing.flush() == stream


@given(st.lists(st.binary(max_size=40)))
def test_memory_is_bounded(pieces: list[bytes]) -> None:
    """Whatever comes, no more than a body and a terminator are held back."""
    framing = Delimited((b"\x03\r",), MAX_LENGTH)
    for piece in pieces:
        framing.feed(piece)
    assert len(framing.flush()) < MAX_LENGTH + 2
