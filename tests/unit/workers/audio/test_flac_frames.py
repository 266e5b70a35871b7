from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workers.audio.flac_frames import MAX_FRAME_NUMBER, code_number, renumber


def _crc(data: bytes, poly: int, bits: int) -> int:
    """The check by its definition: one bit after another."""
    crc = 0
    for byte in data:
        for bit in range(7, -1, -1):
            top = crc >> (bits - 1) & 1
            crc = (crc << 1) & ((1 << bits) - 1)
            if top != byte >> bit & 1:
                crc ^= poly
    return crc


def _frame(fixed: bytes, number: int, after: bytes, body: bytes) -> bytes:
    head = fixed + code_number(number) + after
    head += bytes([_crc(head, 0x07, 8)])
    return head + body + _crc(head + body, 0x8005, 16).to_bytes(2, "big")


numbers = st.integers(0, MAX_FRAME_NUMBER)


@given(numbers, numbers, st.binary(max_size=300), st.sampled_from([(b"\xff\xf8\xc9\x1c", 0), (b"\xff\xf8\x7d\x0c", 4)]))
def test_a_renumbered_frame_is_the_frame_that_would_have_been_coded_with_that_number(
    old: int, new: int, body: bytes, kind: tuple[bytes, int]
) -> None:
    fixed, after_bytes = kind
    after = b"\x12\x34\x56\x78"[:after_bytes]
    frame = _frame(fixed, old, after, body)
    assert b"".join(renumber(frame, new)) == _frame(fixed, new, after, body)


def test_long_bodies_are_renumbered_too() -> None:
    body = bytes(range(256)) * 300
    assert b"".join(renumber(_frame(b"\xff\xf8\xc9\x1c", 3, b"", body), 9000)) == _frame(
        b"\xff\xf8\xc9\x1c", 9000, b"", body
    )


@given(st.integers(0, 0xD7FF))
def test_small_numbers_are_coded_as_utf_8(number: int) -> None:
    assert code_number(number) == chr(number).encode()


def test_the_coding_grows_by_one_byte_at_the_known_limits() -> None:
    limits = [0x7F, 0x7FF, 0xFFFF, 0x1FFFFF, 0x3FFFFFF, 0x7FFFFFFF]
    assert [len(code_number(limit)) for limit in limits] == [1, 2, 3, 4, 5, 6]
    assert [len(code_number(limit + 1)) for limit in limits[:-1]] == [2, 3, 4, 5, 6]
