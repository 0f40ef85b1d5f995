"""TensorBoard's event files: records of protocol buffers, written by hand.

A record is its length (8 bytes), a checksum of that, the data, and a checksum of those; all
little-endian. The data are an `Event` of tensorflow/core/util/event.proto, whose `Summary`
(core/framework/summary.proto) holds the values.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_POLYNOMIAL = 0x82F63B78  # CRC-32C, reflected: RFC 3720, section 12.1
_MASK_DELTA = 0xA282EAD8  # tensorflow/core/lib/hash/crc32c.h
_VARINT, _DOUBLE, _BYTES, _FLOAT = 0, 1, 2, 5  # wire types of protocol buffers
_BUCKETS = 30
_next_file = count()


class EventFile:
    """Scalars and histograms that TensorBoard shows.

    Parameters
    ----------
    folder : path
        Where the file is made when there is something to write.

    Examples
    --------
    >>> from fastrnn.formats.event_file import EventFile
    >>> log = EventFile("logs/train")
    >>> log.scalar("loss", 0.5, step=1)
    >>> log.flush()
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        name = (
            f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}"
            f".{os.getpid()}.{next(_next_file)}.v2"
        )
        self.path = Path(folder) / name
        self._waiting = [_record(_event(_field(3, _BYTES, b"brain.Event:2")))]

    def scalar(self, tag: str, value: float, step: int) -> None:
        """Note a number under a name."""
        with np.errstate(over="ignore"):  # a number beyond float32 becomes infinite
            number = np.float32(value)
        self._add(tag, step, _field(2, _FLOAT, number))

    def histogram(self, tag: str, values: NDArray[Any], step: int) -> None:
        """Note how the finite ones of some values are distributed."""
        values = values[np.isfinite(values)].astype(np.float64)
        if not values.size:
            return
        counts, edges = np.histogram(values, _BUCKETS)
        numbers = values.min(), values.max(), values.size, values.sum(), np.dot(values, values)
        message = b"".join(
            _field(number, _DOUBLE, float(value)) for number, value in enumerate(numbers, 1)
        )
        for number, row in ((6, edges[1:]), (7, counts)):
            message += _field(number, _BYTES, row.astype("<f8").tobytes())
        self._add(tag, step, _field(5, _BYTES, message))

    def flush(self) -> None:
        """Write what has been noted to the file."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "ab") as file:
            file.write(b"".join(self._waiting))
        self._waiting.clear()

    def _add(self, tag: str, step: int, value: bytes) -> None:
        summary = _field(1, _BYTES, _field(1, _BYTES, tag.encode()) + value)
        event = _event(_field(2, _VARINT, step) + _field(5, _BYTES, summary))
        self._waiting.append(_record(event))


def _event(content: bytes) -> bytes:
    return _field(1, _DOUBLE, time.time()) + content


def _field(number: int, kind: int, value: Any) -> bytes:
    """A field of a message: its number and wire type, then its value."""
    key = _varint(number << 3 | kind)
    if kind == _VARINT:
        return key + _varint(value)
    if kind == _BYTES:
        return key + _varint(len(value)) + bytes(value)
    return key + struct.pack("<d" if kind == _DOUBLE else "<f", value)


def _varint(value: int) -> bytes:
    """A number from 0, seven bits to a byte, the lowest first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + _masked_crc(length) + data + _masked_crc(data)


def _masked_crc(data: bytes) -> bytes:
    """The checksum, rotated and shifted so that data may hold checksums themselves."""
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF)


def crc32c(data: bytes) -> int:
    """The checksum CRC-32C (Castagnoli).

    Examples
    --------
    >>> from fastrnn.formats.event_file import crc32c
    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def _remainder(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
    return byte


_TABLE = [_remainder(byte) for byte in range(256)]
