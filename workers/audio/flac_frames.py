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
#: The CRC-16 polynomial is (x + 1) times this primitive one, x^15 + x + 1, modulo which x has the order 2^15 - 1.
_PRIMITIVE: Final = 0x8003
_ORDER: Final = 2**15 - 1
#: Bytes before the frame number: sync code, block size and rate, channels and sample size.
_FIXED_BYTES: Final = 4
#: Highest frame number of a stream with blocks of equal size (31 bits).
MAX_FRAME_NUMBER: Final = 2**31 - 1


def renumber(frame: bytes, number: int) -> tuple[bytes, memoryview, bytes]:
    """Return `frame` with another frame number, as (header, body, CRC-16) to be written one after another.

    Args:
        frame: one whole frame of a stream with a fixed block size.
        number: 0 .. 2^31 - 1.
    """
    number_end = _FIXED_BYTES + _NUMBER_BYTES[frame[4]]
    size = number_end + _EXTRA_BYTES[frame[2]] + 1
    header, new_crc = _header(frame[:_FIXED_BYTES], number, frame[number_end : size - 1])
    body = memoryview(frame)[size:-2]
    crc = int.from_bytes(frame[-2:], "big") ^ _advance(_crc16(frame[:size]) ^ new_crc, len(body))
    return header, body, crc.to_bytes(2, "big")


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


@lru_cache(maxsize=1 << 16)
def _header(fixed: bytes, number: int, after: bytes) -> tuple[bytes, int]:
    """Return a frame's header, CRC-8 included, and its CRC-16; cached, since all stems of a song share them.

    `after` are the optional block size and rate, which stand between number and CRC-8.
    """
    head = fixed + code_number(number) + after
    crc = 0
    for byte in head:
        crc = _TABLE8[crc ^ byte]
    header = head + bytes([crc])
    return header, _crc16(header)


@lru_cache(maxsize=1 << 16)
def _crc16(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc = ((crc << 8) & 0xFF00) ^ _TABLE16[(crc >> 8) ^ byte]
    return crc


def _advance(crc: int, size: int) -> int:
    """Return what `crc` becomes after `size` bytes of zero: its product with x^(8 size).

    By the Chinese remainder theorem: modulo the primitive polynomial a product is a sum of logarithms, and modulo
    x + 1, where a polynomial is the parity of its bits, x is 1 and changes nothing.
    """
    powers, logarithms = _powers()
    rest = crc ^ _PRIMITIVE if crc & 0x8000 else crc
    if rest:
        rest = powers[(logarithms[rest] + 8 * size) % _ORDER]
    return rest ^ _PRIMITIVE if (rest ^ crc).bit_count() & 1 else rest


@lru_cache(maxsize=1)
def _powers() -> tuple[list[int], list[int]]:
    """Return x^k modulo the primitive polynomial for every k below its order, and k for every x^k."""
    powers, logarithms = [1], [0] * (_ORDER + 1)
    for exponent in range(1, _ORDER):
        value = powers[-1] << 1
        powers.append(value ^ _PRIMITIVE if value & 0x8000 else value)
        logarithms[powers[-1]] = exponent
    return powers, logarithms


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


_TABLE8: Final = _table(_POLY8, 8)
_TABLE16: Final = _table(_POLY16, 16)
#: Bytes of a coded number, by its first byte.
_NUMBER_BYTES: Final = [1 if lead < 0x80 else 8 - (lead ^ 0xFF).bit_length() for lead in range(256)]
#: Bytes of block size and rate behind the number, by the header's third byte, which codes both (RFC 9639, section 9.1).
_EXTRA_BYTES: Final = [
    {6: 1, 7: 2}.get(codes >> 4, 0) + {12: 1, 13: 2, 14: 2}.get(codes & 0x0F, 0) for codes in range(256)
]
