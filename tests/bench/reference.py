"""A fixed piece of work that knows nothing of the product, as the unit in which the contract counts CPU time.

Seconds say as much of a machine as of a program. The same work done with the product's own kind of means (a heap of
tuples, dictionaries, small objects, rows of numbers), in the same process and within the same second, tells a slow
machine from a slow program. It must never be changed: every range in the contract was measured with it.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from heapq import heapify, heapreplace
from time import process_time
from typing import TypeVar

import numpy as np

ITEMS, TURNS, COLUMNS = 1_000, 40_000, 2_000

T = TypeVar("T")


class Item:
    """What the heap orders."""

    __slots__ = ("held", "name", "weight")

    def __init__(self, number: int) -> None:
        self.name = f"item-{number:05}"
        self.held = [number % 7, number % 11]
        self.weight = 1 + number % 4


def work() -> float:
    """Do it once; the number returned is always the same, and only there so that nothing can be left out."""
    items = [Item(number) for number in range(ITEMS)]
    heap = [(0.0, item.name, item) for item in items]
    heapify(heap)
    counts: dict[str, int] = {}
    rows = np.arange(float(COLUMNS))
    for turn in range(TURNS):
        key, name, item = heap[0]
        item.held[turn & 1] += 1
        counts[name] = counts.get(name, 0) + 1
        heapreplace(heap, (max(item.held) / item.weight, name, item))
        if turn % 400 == 0:
            rows = np.maximum(rows * 0.5, float(np.argmax(rows % 97.0)))
    return key + sum(counts.values()) + float(rows[0])


def spent(take: Callable[[], T]) -> tuple[float, T]:
    """CPU seconds of this process for something, and what came of it."""
    began = process_time()
    result = take()
    return process_time() - began, result


def unit() -> float:
    """CPU seconds of the work, now: the least of three, since nothing makes it faster than it is."""
    return min(spent(work)[0] for _ in range(3))


@contextmanager
def uncollected() -> Iterator[None]:
    """Without the garbage collector, whose turn would fall to whoever happens to be measured."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
