"""NumPy's own threads, held back where networks compute: after each product they linger, and a network waits for its core."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_lock = threading.Lock()
_held: list[Any] = []  # one for each caller inside; the first limits, the last one out lets go


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Matrix products take one thread meanwhile; as many as before afterwards, whoever else is inside. Also a decorator."""
    with _lock:
        _held.append(_held[0] if _held else _controller().limit(limits=1, user_api="blas"))
    try:
        yield
    finally:
        with _lock:
            limit = _held.pop()
            if not _held:
                limit.restore_original_limits()


@cache
def _controller() -> Any:
    import numpy  # noqa: F401  # its libraries must be loaded to be found
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
