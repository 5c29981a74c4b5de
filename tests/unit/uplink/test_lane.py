"""The progress of one lane: nothing skipped, nothing forgotten, nothing taken back."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agent.uplink.lane import AGAIN_FIRST, AGAIN_MOST, GO_ON_S, RESEND_MAX_S, Flight, LaneProgress

RESEND_S = 30.0


def lane(sent: int = 0, confirmed: int = 0) -> LaneProgress:
    return LaneProgress(sent, confirmed, RESEND_S)


def test_a_lane_goes_on_behind_the_last_acknowledged_number() -> None:
    """What the journal's marks say is where sending begins; what is confirmed need not be sent."""
    assert lane(sent=7, confirmed=3).read == 7
    assert lane(sent=3, confirmed=7).read == 7


def test_acknowledgements_out_of_order_wait() -> None:
    """`sent` is the end of the unbroken part."""
    one = lane()
    first, second, third = (one.depart(n, n) for n in (1, 2, 3))
    assert not one.land(third, 1.0)
    assert not one.land(second, 1.0)
    assert one.sent == 0
    assert one.land(first, 1.0)
    assert one.sent == 3


def test_an_acknowledgement_that_comes_twice_is_one() -> None:
    """A broker that repeats itself moves nothing."""
    one = lane()
    flight = one.depart(1, 5)
    assert one.land(flight, 1.0)
    assert not one.land(flight, 2.0)
    assert one.sent == 5


def test_what_was_in_the_air_is_sent_again_after_a_broken_connection() -> None:
    """A new connection begins behind the last acknowledged number."""
    one = lane()
    one.land(one.depart(1, 5), 1.0)
    lost = one.depart(6, 9)
    one.rewind(3.0)
    assert (one.sent, one.read) == (5, 5)
    assert not one.land(lost, 4.0)
    assert one.sent == 5


@pytest.mark.parametrize("sequence", [0, -1, 3, 10, 2**62])
def test_a_confirmation_that_is_no_news_or_cannot_be_is_not_believed(sequence: int) -> None:
    """Old numbers, and numbers that were never sent."""
    one = lane(sent=9, confirmed=3)
    assert not one.confirm(sequence, 9, 0.0)
    assert (one.sent, one.confirmed, one.read) == (9, 3, 9)


def test_what_the_central_has_need_not_be_acknowledged() -> None:
    """A confirmation may overtake the acknowledgement of the same message."""
    one = lane()
    flight = one.depart(1, 5)
    assert one.confirm(5, 5, 1.0)
    assert (one.sent, one.confirmed) == (5, 5)
    one.land(flight, 2.0)
    assert (one.sent, one.confirmed) == (5, 5)


def test_a_confirmation_is_believed_after_a_broken_connection() -> None:
    """What arrived before the line broke is not sent again."""
    one = lane()
    one.depart(1, 9)
    one.rewind(1.0)
    assert one.confirm(9, 9, 2.0)
    assert one.read == 9


def test_a_confirmation_is_believed_after_a_restart() -> None:
    """An earlier run sent it, and was killed before it could note so: the central knows better."""
    one = lane(sent=2, confirmed=2)
    assert one.confirm(9, 9, 0.0)
    assert (one.sent, one.read) == (9, 9)


# --- a central that stays silent


def silent(acknowledged_s: float = 0.0) -> LaneProgress:
    """A lane whose five facts the broker has since `acknowledged_s`, and nobody has confirmed."""
    one = lane()
    one.land(one.depart(1, 5), acknowledged_s)
    return one


def test_what_is_not_confirmed_in_time_is_sent_again() -> None:
    """A broker that lost its queue loses us nothing."""
    one = silent()
    assert not one.resend_if_silent(RESEND_S - 0.1)
    assert one.resend_if_silent(RESEND_S)
    assert one.again == (0, 5)
    one.went_again(3)
    assert one.again == (3, 5)
    one.went_again(5)
    assert one.again is None
    assert (one.read, one.sent, one.confirmed) == (5, 5, 0)


def test_the_wait_doubles_and_is_bounded() -> None:
    """A central that is away for days is not flooded."""
    one = silent()
    now_s = 0.0
    waits = []
    for _ in range(12):
        wait_s = 1.0
        while not one.resend_if_silent(now_s + wait_s):
            wait_s += 1.0
        now_s += wait_s
        waits.append(wait_s)
        one.went_again(5)
    assert waits[:4] == [30.0, 60.0, 120.0, 240.0]
    assert waits[-3:] == [RESEND_MAX_S] * 3


def test_a_word_of_the_central_ends_the_doubling() -> None:
    """The next silence begins with the first wait."""
    one = silent()
    assert one.resend_if_silent(30.0)
    assert one.confirm(3, 5, 31.0)
    assert one.again == (3, 5), "what it has need not go again"
    one.went_again(5)
    assert not one.resend_if_silent(60.9)
    assert one.resend_if_silent(61.0)
    assert one.again == (3, 5)


def test_new_facts_go_on_while_old_ones_are_sent_again() -> None:
    """A call is not held up by a central that is away."""
    one = silent()
    assert one.resend_if_silent(30.0)
    assert one.may_send(30.0)
    one.land(one.depart(6, 7), 31.0)
    assert (one.sent, one.read, one.again) == (7, 7, (0, 5))


MANY = 10 * AGAIN_FIRST


def lost(number: int = MANY) -> LaneProgress:
    """A lane of which the broker has taken so many facts; they are silent for long enough, and the first go again."""
    one = lane(sent=number)
    one.rewind(0.0)
    assert one.resend_if_silent(RESEND_S)
    assert one.again == (0, min(number, AGAIN_FIRST))
    one.went_again(min(number, AGAIN_FIRST))
    return one


def test_a_central_that_has_the_rest_gets_only_what_it_misses() -> None:
    """One word of it, and nothing more is sent again: its book was torn in one place."""
    one = lost()
    assert one.confirm(MANY, MANY, RESEND_S + 1)
    assert one.again is None
    assert not one.resend_if_silent(1e9)


def test_a_central_that_has_lost_all_gets_twice_as_much_each_time() -> None:
    """It says at once what it has taken, and then nothing more: it misses that as well."""
    one = lost(1000 * AGAIN_FIRST)
    now_s, confirmed, sizes = RESEND_S, AGAIN_FIRST, []
    while confirmed < 1000 * AGAIN_FIRST:
        assert one.confirm(confirmed, 1000 * AGAIN_FIRST, now_s)
        assert not one.resend_if_silent(now_s + GO_ON_S - 0.1)
        now_s += GO_ON_S
        assert one.resend_if_silent(now_s)
        assert one.again is not None
        after, confirmed = one.again
        sizes.append(confirmed - after)
        one.went_again(confirmed)
    assert sizes[:3] == [2 * AGAIN_FIRST, 4 * AGAIN_FIRST, 8 * AGAIN_FIRST]
    assert max(sizes) == AGAIN_MOST


def test_a_central_that_is_only_behind_gets_nothing_twice_but_the_first() -> None:
    """It works itself through what the broker holds for it, and says so again and again."""
    one = lost()
    now_s = RESEND_S
    for confirmed in range(AGAIN_FIRST // 2, MANY, AGAIN_FIRST // 2):
        now_s += GO_ON_S / 2
        assert one.confirm(confirmed, MANY, now_s)
        assert not one.resend_if_silent(now_s + GO_ON_S / 3)
        assert one.again is None


def test_a_central_that_takes_only_part_is_given_it_again_after_the_usual_wait() -> None:
    """And not more than the first time."""
    one = lost()
    assert one.confirm(AGAIN_FIRST // 2, MANY, RESEND_S)
    assert not one.resend_if_silent(2 * RESEND_S - 0.1)
    assert one.resend_if_silent(2 * RESEND_S)
    assert one.again == (AGAIN_FIRST // 2, AGAIN_FIRST // 2 + AGAIN_FIRST)


def test_a_lane_that_is_confirmed_is_never_sent_again() -> None:
    """However long nothing happens."""
    one = silent()
    one.confirm(5, 5, 1.0)
    assert not one.resend_if_silent(1e9)


def test_silence_counts_from_the_first_unconfirmed_fact() -> None:
    """An hour without work before it is not the central's silence, even if its word overtook the acknowledgement."""
    one = lane()
    first = one.depart(1, 1)
    one.confirm(1, 1, 0.1)
    one.land(first, 0.2)
    one.land(one.depart(2, 2), 3600.0)
    assert not one.resend_if_silent(3601.0)
    assert one.resend_if_silent(3600.0 + RESEND_S)


def test_an_acknowledgement_from_before_a_broken_connection_moves_nothing() -> None:
    """It belongs to a flight that is forgotten."""
    one = silent()
    old = one.depart(6, 9)
    one.rewind(1.0)
    assert one.resend_if_silent(31.0)
    assert not one.land(old, 32.0)
    assert (one.sent, one.read) == (5, 5)


def test_a_batch_that_is_refused_the_second_time_goes_event_by_event() -> None:
    one = silent()
    assert one.resend_if_silent(30.0)
    one.went_again(5)
    one.split_again(2, 4)
    assert (one.again, one.singly_until) == ((1, 5), 4)
    one.confirm(3, 5, 31.0)
    one.split_again(1, 5)
    assert one.again == (3, 5), "what is confirmed stays so"


# --- a broker that does not take it


def test_a_refused_lane_rests_and_then_goes_first_with_one_message() -> None:
    """Sixty messages a minute into a wall help nobody."""
    one = lane()
    for number in (1, 2, 3):
        one.depart(number, number)
    one.pause(until_s=60.0, now_s=0.0)
    assert not one.may_send(59.9)
    assert one.may_send(60.0)
    assert one.read == 0
    probe = one.depart(1, 1)
    assert not one.may_send(61.0)
    assert one.land(probe, 62.0)
    one.depart(2, 2)
    assert one.may_send(62.0)


def test_a_lane_refused_again_rests_again() -> None:
    one = lane()
    one.pause(until_s=60.0, now_s=0.0)
    one.depart(1, 1)
    one.pause(until_s=120.0, now_s=60.0)
    assert not one.may_send(119.0)
    assert one.may_send(120.0)


def test_a_broken_connection_does_not_end_the_rest() -> None:
    """The refusal holds for the next connection as well."""
    one = lane()
    one.pause(until_s=60.0, now_s=0.0)
    one.rewind(1.0)
    assert not one.may_send(59.0)


def test_a_batch_that_is_refused_is_sent_event_by_event() -> None:
    """Up to its last one; what was in the air behind it goes again too."""
    one = lane()
    one.depart(1, 20)
    one.depart(21, 40)
    one.split(20, 1.0)
    assert one.read == 0
    assert one.singly_until == 20
    one.split(7, 2.0)
    assert one.singly_until == 20


# --- any history


class AnyHistory(RuleBasedStateMachine):
    """A lane between a journal that grows, a broker that may break, and a central that stores and confirms."""

    @initialize()
    def begin(self) -> None:
        self.last = 0
        self.noted = (0, 0)
        self.now_s = 0.0
        self.lane = lane()
        self.air: list[Flight] = []
        self.taken: set[int] = set()
        self.stored: set[int] = set()
        self.floor = (0, 0)

    @rule(count=st.integers(1, 5))
    def capture(self, count: int) -> None:
        self.last += count

    @precondition(lambda self: self.lane.read < self.last)
    @rule(count=st.integers(1, 4))
    def send(self, count: int) -> None:
        first = self.lane.read + 1
        flight = self.lane.depart(first, min(first + count - 1, self.last))
        self.air.append(flight)

    @precondition(lambda self: self.air)
    @rule(data=st.data(), stored=st.booleans())
    def acknowledge(self, data: st.DataObject, *, stored: bool) -> None:
        """Any message in the air; the broker may lose it all the same."""
        flight = self.air.pop(data.draw(st.integers(0, len(self.air) - 1)))
        self.store(flight, stored=stored)
        self.taken |= set(range(flight.first, flight.last + 1))
        self.lane.land(flight, self.now_s)

    @precondition(lambda self: self.air)
    @rule(data=st.data())
    def arrive_unacknowledged(self, data: st.DataObject) -> None:
        """The central may have it before the broker says so to us."""
        self.store(data.draw(st.sampled_from(self.air)), stored=True)

    @rule(back=st.integers(0, 2))
    def confirm(self, back: int) -> None:
        """The central tells the end of its unbroken part, or an older number that was under way."""
        news = self.contiguous - back
        assert self.lane.confirm(news, self.last, self.now_s) == (news > self.floor[1])

    @rule(beyond=st.integers(1, 100))
    def confirm_nonsense(self, beyond: int) -> None:
        assert not self.lane.confirm(self.last + beyond, self.last, self.now_s)

    @rule()
    def break_connection(self) -> None:
        self.lane.rewind(self.now_s)
        self.air = []

    @rule(seconds=st.floats(0, 200))
    def refuse(self, seconds: float) -> None:
        """The broker takes none of what is in the air."""
        self.lane.pause(self.now_s + seconds, self.now_s)
        self.air = []

    @rule(last=st.integers(1, 50))
    def refuse_a_batch(self, last: int) -> None:
        self.lane.split(last, self.now_s)
        self.air = []

    @rule(seconds=st.floats(0, 200))
    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        if self.lane.resend_if_silent(self.now_s):
            assert self.lane.again == (self.lane.confirmed, self.lane.sent)

    @precondition(lambda self: self.lane.again)
    @rule(count=st.integers(1, 4), stored=st.booleans())
    def send_again(self, count: int, *, stored: bool) -> None:
        """The broker has taken it before; this time the central may get it."""
        after, last = self.lane.again or (0, 0)
        last = min(after + count, last)
        self.store(Flight(after + 1, last), stored=stored)
        self.lane.went_again(last)

    @rule()
    def note(self) -> None:
        """The journal keeps the marks."""
        self.noted = max(self.noted[0], self.lane.sent), max(self.noted[1], self.lane.confirmed)

    @rule()
    def restart(self) -> None:
        """A kill forgets what was not noted."""
        self.lane = lane(*self.noted)
        self.air = []
        self.floor = self.noted

    def store(self, flight: Flight, *, stored: bool) -> None:
        if stored:
            self.stored |= set(range(flight.first, flight.last + 1))

    @property
    def contiguous(self) -> int:
        number = 0
        while number + 1 in self.stored:
            number += 1
        return number

    @invariant()
    def the_marks_stand_in_order(self) -> None:
        assert 0 <= self.lane.confirmed <= self.lane.sent <= self.lane.read <= self.last

    @invariant()
    def what_goes_again_was_sent_and_is_not_confirmed(self) -> None:
        after, last = self.lane.again or (self.lane.confirmed, self.lane.sent)
        assert self.lane.confirmed <= after <= last <= self.lane.sent

    @invariant()
    def the_marks_never_run_backwards(self) -> None:
        """Only a restart from older notes takes `sent` back."""
        assert self.lane.sent >= self.floor[0]
        assert self.lane.confirmed >= self.floor[1]
        self.floor = self.lane.sent, self.lane.confirmed

    @invariant()
    def nothing_is_confirmed_that_is_not_stored(self) -> None:
        assert set(range(1, self.lane.confirmed + 1)) <= self.stored

    @invariant()
    def nothing_is_skipped(self) -> None:
        """Every number that was read is taken by the broker, stored by the central, or in the air."""
        flying = {number for flight in self.air for number in range(flight.first, flight.last + 1)}
        assert set(range(1, self.lane.read + 1)) <= self.taken | self.stored | flying
        assert set(range(1, self.lane.sent + 1)) <= self.taken | self.stored

    def teardown(self) -> None:
        """When all is well again, everything gets through."""
        for _ in range(3):
            if self.lane.read < self.last:
                self.air.append(self.lane.depart(self.lane.read + 1, self.last))
            for flight in self.air:
                self.store(flight, stored=True)
                self.lane.land(flight, self.now_s)
            self.air = []
            self.lane.confirm(self.contiguous, self.last, self.now_s)
            self.now_s += 2 * RESEND_MAX_S
            if self.lane.resend_if_silent(self.now_s):
                after, last = self.lane.again or (0, 0)
                self.store(Flight(after + 1, last), stored=True)
                self.lane.went_again(last)
                self.lane.confirm(self.contiguous, self.last, self.now_s)
        assert (self.lane.confirmed, self.lane.sent, self.lane.read) == (self.last, self.last, self.last)


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = settings(max_examples=200, stateful_step_count=40)
