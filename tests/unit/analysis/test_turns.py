"""Whose turn it is: as many at once as there are places, then first come, first served."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

import pytest

from bot.analysis.turns import Closed, Turns

Take = Callable[[str], "Future[None]"]


def taker(turns: Turns, pool: ThreadPoolExecutor, served: list[str]) -> Take:
    """Let runs queue, each after the one before it, and note who gets a place."""

    def take(name: str) -> Future[None]:
        waits = threading.Event()

        def work() -> None:
            turns.take((name, 1), waits.set)
            served.append(name)

        future = pool.submit(work)
        assert waits.wait(10)
        return future

    return take


def test_places_go_to_those_who_came_first() -> None:
    turns, served = Turns(2), list[str]()
    turns.take(("a", 1))
    turns.take(("b", 1))
    with ThreadPoolExecutor(5) as pool, closing(turns):
        take = taker(turns, pool, served)
        waiting = {name: take(name) for name in "cdefg"}
        for gives_back, follows in zip("bacde", "cdefg", strict=True):
            turns.give_back((gives_back, 1))
            waiting[follows].result(10)
            assert served[-1] == follows
    assert served == list("cdefg")


def test_a_run_that_has_a_place_needs_no_other_and_gives_it_back_once() -> None:
    turns = Turns(1)
    turns.take(("a", 1))
    turns.take(("a", 1))
    turns.give_back(("a", 1))
    turns.give_back(("a", 1))
    turns.take(("b", 1))
    with ThreadPoolExecutor(1) as pool:
        waiting = taker(turns, pool, [])("c")
        assert not waiting.done()
        turns.give_back(("b", 1))
        waiting.result(10)


def test_at_the_end_nobody_waits_any_more() -> None:
    turns = Turns(1)
    turns.take(("a", 1))
    with ThreadPoolExecutor(2) as pool:
        take = taker(turns, pool, [])
        waiting = [take("b"), take("c")]
        turns.close()
        for each in waiting:
            with pytest.raises(Closed):
                each.result(10)
    with pytest.raises(Closed):
        turns.take(("d", 1))


def test_waiting_takes_no_time_of_the_processor() -> None:
    turns = Turns(1)
    turns.take(("a", 1))
    with ThreadPoolExecutor(20) as pool:
        take = taker(turns, pool, [])
        waiting = [take(str(number)) for number in range(20)]
        before = time.process_time()
        time.sleep(0.5)
        assert time.process_time() - before < 0.05
        turns.close()
        assert all(isinstance(each.exception(10), Closed) for each in waiting)


def test_one_who_gives_up_waiting_is_passed_over() -> None:
    turns, served = Turns(1), list[str]()
    turns.take(("a", 1))

    def give_up() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        turns.take(("b", 1), give_up)
    with ThreadPoolExecutor(1) as pool:
        waiting = taker(turns, pool, served)("c")
        turns.give_back(("a", 1))
        waiting.result(10)
    assert served == ["c"]
