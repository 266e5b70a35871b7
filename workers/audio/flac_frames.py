"""FLAC frames as bytes: give a frame another number without touching its coded samples.

A frame is header, subframes, CRC-16. The header holds the frame's number and ends in a CRC-8 (RFC 9639, section 9).
Both checks start at zero and are linear over GF(2), so for headers h, h' and the same body b of n bytes

    crc16(h' b) = crc16(h b) xor (crc16(h) xor crc16(h')) * x^(8 n)   modulo the polynomial,

and renumbering costs a few table look-ups, whatever the size of the body. Silence is spliced into a stream this way.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

#: CRC-8 of the header: x^8 + x^2 + x + 1 (RFC 9639, section 9.1.8).
_POLY8: Final = 0x07
#: CRC-16 of the frame: x^16 + x^15 + x^2 + 1 (RFC 9639, section 9.3).
_POLY16: Final = 0x8005
#: Order of x modulo the CRC-16 polynomial, which is (x + 1) times the primitive x^15 + x + 1.
_ORDER16: Final = 2**15 - 1
#: Bytes before the frame number: sync code, block size and rate, channels and sample size.
_FIXED_BYTES: Final = 4
#: Highest frame number of a stream with blocks of equal size (31 bits).
MAX_FRAME_NUMBER: Final = 2**31 - 1


def renumber(frame: bytes, number: int) -> tuple[bytes, bytes, bytes]:
    """Return `frame` with another frame number, as (header, body, CRC-16) to be written one after another.

    Args:
        frame: one whole frame of a stream with a fixed block size.
        number: 0 .. 2^31 - 1.
    """
    old_size = _header_size(frame)
    old, new = frame[:old_size], _header(frame[:_FIXED_BYTES], number, _after_number(frame, old_size))
    body = frame[old_size:-2]
    crc = int.from_bytes(frame[-2:], "big") ^ _advance(_crc16(old) ^ _crc16(new), len(body))
    return new, body, crc.to_bytes(2, "big")


def code_number(number: int) -> bytes:
    """Write a frame number in FLAC's extended UTF-8: one byte up to 127, at most six bytes for 31 bits."""
    if number < 0x80:
        return bytes([number])
    tail: list[int] = []
    lead_room = 0x40  # values below this fit the lead byte beside its marker
    while number >= lead_room or not tail:
        tail.append(0x80 | (number & 0x3F))
        number >>= 6
        lead_room >>= 1
    marker = (0xFF00 >> (len(tail) + 1)) & 0xFF
    return bytes([marker | number, *reversed(tail)])


def _number_size(lead: int) -> int:
    """Return how many bytes a coded number has, from its first byte."""
    return 1 if lead < 0x80 else 8 - (lead ^ 0xFF).bit_length()


def _header_size(frame: bytes) -> int:
    """Return the size of a frame's header in bytes, its CRC-8 included."""
    block_code, rate_code = frame[2] >> 4, frame[2] & 0x0F
    block_size_bytes = {6: 1, 7: 2}.get(block_code, 0)
    rate_bytes = {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    return _FIXED_BYTES + _number_size(frame[4]) + block_size_bytes + rate_bytes + 1


def _after_number(frame: bytes, header_size: int) -> bytes:
    """Return the header's optional block size and rate, which stand between number and CRC-8."""
    return frame[_FIXED_BYTES + _number_size(frame[4]) : header_size - 1]


@lru_cache(maxsize=1 << 16)
def _header(fixed: bytes, number: int, after: bytes) -> bytes:
    head = fixed + code_number(number) + after
    crc = 0
    for byte in head:
        crc = _TABLE8[crc ^ byte]
    return head + bytes([crc])


@lru_cache(maxsize=1 << 16)
def _crc16(data: bytes) -> int:
    """Return the CRC-16 of a header; cached, since all stems of a song share their headers."""
    crc = 0
    for byte in data:
        crc = ((crc << 8) & 0xFF00) ^ _TABLE16[(crc >> 8) ^ byte]
    return crc


def _advance(crc: int, size: int) -> int:
    """Return what `crc` becomes after `size` bytes of zero: its product with x^(8 size)."""
    powers, base, product = _powers16(), 8 * size, 0
    while crc:
        low = crc & -crc
        product ^= powers[(base + low.bit_length() - 1) % _ORDER16]
        crc ^= low
    return product


def _table(poly: int, bits: int) -> list[int]:
    """Return the CRC of every byte, for a polynomial of 8 or 16 bits."""
    top, mask = 1 << (bits - 1), (1 << bits) - 1
    table = []
    for byte in range(256):
        crc = byte << (bits - 8)
        for _ in range(8):
            crc = ((crc << 1) ^ poly if crc & top else crc << 1) & mask
        table.append(crc)
    return table


@lru_cache(maxsize=1)
def _powers16() -> list[int]:
    """Return x^k modulo the CRC-16 polynomial for every k below the order of x."""
    powers = [1]
    for _ in range(_ORDER16 - 1):
        value = powers[-1] << 1
        powers.append(value ^ (0x10000 | _POLY16) if value & 0x10000 else value)
    return powers


_TABLE8: Final = _table(_POLY8, 8)
_TABLE16: Final = _table(_POLY16, 16)
