"""Whether a training fits into memory, estimated before anything is read."""

from __future__ import annotations

import contextlib
import math
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

# Of a batch, at least: the floats, what the first layer makes of them, the gradient of that, and
# a batch that is made ahead.
COPIES = 4
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def refuse_too_large(sizes: Mapping[str, int], times: int = 1) -> None:
    """Refuse batches that cannot fit into the memory that is free.

    Parameters
    ----------
    sizes : mapping of str to int
        By the options' names, what is multiplied to the values of a batch.
    times : int
        What else is multiplied to them, such as the colours.

    Raises
    ------
    ValueError
        If `COPIES` of a batch need more than is free.

    Examples
    --------
    >>> from fastrnn.apps.memory import refuse_too_large
    >>> refuse_too_large({"batch_size": 32, "width": 48, "height": 48})
    """
    needed = COPIES * 4 * times * math.prod(sizes.values())
    free = free_memory()
    if free is not None and needed > free:
        given = ", ".join(f"{name} {size}" for name, size in sizes.items())
        raise ValueError(
            f"train: batches need about {_gib(needed)} ({given}), and {_gib(free)} of memory "
            "are free; make one of these smaller"
        )


def free_memory() -> int | None:
    """Bytes that this process may still take, about; None where the system does not tell."""
    return min(_bounds(), default=None)


def _bounds() -> Iterator[int]:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(OSError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                yield int(line.split()[1]) * 1024
    for limit in _LIMITS:  # of a container
        with contextlib.suppress(OSError, ValueError):
            yield int(Path(limit).read_text())
    if sys.platform == "linux":
        import resource

        limit_as = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit_as != resource.RLIM_INFINITY:
            taken = int(Path("/proc/self/statm").read_text().split()[0])
            yield max(limit_as - taken * resource.getpagesize(), 0)


def _gib(count: int) -> str:
    return f"{count / 2**30:,.{0 if count >= 10 * 2**30 else 1}f} GiB"
