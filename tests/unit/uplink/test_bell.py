"""The bell: no ring is lost, and silence lasts until the next one."""

from __future__ import annotations

import select
from queue import SimpleQueue
from threading import Thread

from agent.uplink.bell import Bell

LONG_S = 10.0


def rings(bell: Bell, wait_s: float = 0.0) -> bool:
    return bool(select.select([bell], [], [], wait_s)[0])


def test_a_ring_ends_the_next_wait_and_many_rings_are_one() -> None:
    """Whoever rings before the wait is heard as well; once hushed, the bell is silent."""
    bell = Bell()
    assert not rings(bell)
    bell.ring()
    bell.ring()
    assert rings(bell)
    bell.hush()
    assert not rings(bell)
    bell.hush()
    bell.ring()
    assert rings(bell)


def test_what_was_put_before_a_ring_is_found_after_it() -> None:
    """Many threads put and ring while one waits: it finds everything, however the moments fall."""
    bell, letters = Bell(), SimpleQueue[int]()

    def write() -> None:
        for number in range(2000):
            letters.put(number)
            bell.ring()

    writers = [Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    found = 0
    while found < 8000:
        assert rings(bell, LONG_S)
        bell.hush()
        while not letters.empty():
            letters.get()
            found += 1
    for writer in writers:
        writer.join()
    bell.hush()
    assert not rings(bell)
