"""Decode many images at once, in order, with a bound on what is in memory."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from projgan.data.sources.base import Item

Result = TypeVar("Result")

_CHUNK_ITEMS = 32
_CHUNK_BYTES = 16 * 2**20
_MAX_WORKERS = 32


def map_items(items: Iterable[Item], function: Callable[[Item], Result]) -> Iterator[Result]:
    """Yield `function(item)` for every item, in order, computed by a thread for each processor.

    Threads suffice because Pillow decodes without holding Python's lock. Items go in chunks, since a small
    image takes no longer to decode than to hand over, and at most two chunks per worker are under way.

    Args:
        items: consumed in the calling thread, a little ahead of the results.
        function: called in the workers.
    """
    count = min(os.cpu_count() or 1, _MAX_WORKERS)
    pending: deque[Future[list[Result]]] = deque()
    executor = ThreadPoolExecutor(count, thread_name_prefix="decode")
    try:
        for chunk in _chunks(items):
            pending.append(executor.submit(_apply, function, chunk))
            if len(pending) >= 2 * count:
                yield from pending.popleft().result()
        while pending:
            yield from pending.popleft().result()
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _apply(function: Callable[[Item], Result], chunk: list[Item]) -> list[Result]:
    return [function(item) for item in chunk]


def _chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    chunk: list[Item] = []
    held = 0
    for item in items:
        chunk.append(item)
        held += item.held_bytes
        if len(chunk) >= _CHUNK_ITEMS or held >= _CHUNK_BYTES:
            yield chunk
            chunk, held = [], 0
    if chunk:
        yield chunk
