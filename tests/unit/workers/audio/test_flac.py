from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
import soundfile as sf
from numpy.typing import NDArray

from schemas.errors import FarmError, MissingDependencyError
from workers.audio import flac
from workers.audio.flac import BLOCK_FRAMES, FlacEncoder
from workers.audio.flac_frames import code_number

Samples = NDArray[np.int32]


def _noise(frames: int, *, channels: int = 2, bits: int = 24, seed: int = 1) -> Samples:
    limit = 2 ** (bits - 1)
    return np.random.default_rng(seed).integers(-limit, limit, (frames, channels), dtype=np.int32)


def _encode(
    pieces: Sequence[Samples | int], *, rate_hz: int = 44100, channels: int = 2, bits: int = 24, md5: bool = False
) -> bytes:
    """Encode blocks and, where a piece is a number, as many frames of silence."""
    frames = sum(piece if isinstance(piece, int) else len(piece) for piece in pieces)
    parts: list[bytes] = []
    encoder = FlacEncoder(parts.append, rate_hz=rate_hz, channels=channels, bits=bits, frames=frames, md5=md5)
    for piece in pieces:
        if isinstance(piece, int):
            encoder.silence(piece)
        else:
            encoder.write(piece)
    encoder.close()
    return encoder.header() + b"".join(parts)


def _plain(pieces: Sequence[Samples | int], channels: int = 2) -> Samples:
    return np.concatenate([np.zeros((p, channels), dtype=np.int32) if isinstance(p, int) else p for p in pieces])


def _decode(data: bytes, bits: int) -> tuple[Samples, int]:
    samples, rate_hz = sf.read(io.BytesIO(data), dtype="int32", always_2d=True)
    return samples >> (32 - bits), rate_hz


#: Silence before, between and after sound, on and off the edges of blocks, and numbers of one, two and three bytes.
PIECES: list[list[Samples | int]] = [
    [_noise(100)],
    [_noise(BLOCK_FRAMES)],
    [BLOCK_FRAMES * 3],
    [5],
    [BLOCK_FRAMES * 126 + 100, _noise(5000), BLOCK_FRAMES * 3 - 1004, _noise(BLOCK_FRAMES * 2, seed=2), 17],
    [_noise(BLOCK_FRAMES), BLOCK_FRAMES * 2050, _noise(BLOCK_FRAMES * 2 + 3, seed=2), BLOCK_FRAMES * 2],
    [_noise(1), 1, _noise(1), BLOCK_FRAMES - 3, _noise(1), 10 * BLOCK_FRAMES - 1, _noise(2)],
]


@pytest.mark.parametrize("pieces", PIECES, ids=range(len(PIECES)))
@pytest.mark.parametrize("md5", [False, True])
def test_samples_come_back_bit_for_bit(pieces: list[Samples | int], md5: bool) -> None:
    samples, rate_hz = _decode(_encode(pieces, md5=md5), 24)
    assert rate_hz == 44100
    np.testing.assert_array_equal(samples, _plain(pieces))


@pytest.mark.parametrize("pieces", PIECES, ids=range(len(PIECES)))
def test_spliced_silence_is_what_the_library_writes_for_zeros(pieces: list[Samples | int]) -> None:
    assert _encode(pieces) == _encode([_plain(pieces)])


@pytest.mark.parametrize(
    ("rate_hz", "channels", "bits"), [(16000, 1, 16), (11025, 2, 16), (48000, 2, 24), (96000, 1, 24)]
)
def test_every_form_of_the_plan_can_be_encoded(rate_hz: int, channels: int, bits: int) -> None:
    pieces: list[Samples | int] = [BLOCK_FRAMES * 200, _noise(9000, channels=channels, bits=bits), BLOCK_FRAMES * 2]
    samples, decoded_rate_hz = _decode(_encode(pieces, rate_hz=rate_hz, channels=channels, bits=bits), bits)
    assert decoded_rate_hz == rate_hz
    np.testing.assert_array_equal(samples, _plain(pieces, channels))


def test_a_decoder_can_seek_across_spliced_silence() -> None:
    pieces = PIECES[4]
    expected = _plain(pieces)
    with sf.SoundFile(io.BytesIO(_encode(pieces))) as file:
        for position in (BLOCK_FRAMES * 127, 7, len(expected) - 5000, BLOCK_FRAMES * 126 + 99):
            file.seek(position)
            np.testing.assert_array_equal(file.read(3000, dtype="int32") >> 8, expected[position : position + 3000])


def test_every_entry_of_the_seek_table_points_at_the_block_of_its_sample() -> None:
    frames = 60 * 44100
    stream = _encode([20 * 44100 + 5, _noise(30 * 44100), frames - 50 * 44100 - 5])
    size = int.from_bytes(stream[43:46], "big")
    table, audio = stream[46 : 46 + size], stream[46 + size :]
    points = [
        (int.from_bytes(table[at : at + 8], "big"), int.from_bytes(table[at + 8 : at + 16], "big"))
        for at in range(0, size, 18)
    ]
    assert stream[42] == 0x80 | 3
    assert [first for first, _ in points] == list(range(0, frames, 11 * BLOCK_FRAMES))
    for first, offset in points:
        assert audio[offset : offset + 2] == b"\xff\xf8"
        number = code_number(first // BLOCK_FRAMES)
        assert audio[offset + 4 : offset + 4 + len(number)] == number


def test_the_header_knows_its_blocks_and_length() -> None:
    header = _encode(PIECES[4])[:42]
    assert int.from_bytes(header[8:10], "big") == int.from_bytes(header[10:12], "big") == BLOCK_FRAMES
    assert 0 < int.from_bytes(header[12:15], "big") < 20 < int.from_bytes(header[15:18], "big")
    assert int.from_bytes(header[18:26], "big") & (1 << 36) - 1 == len(_plain(PIECES[4]))


def test_the_cut_into_blocks_never_changes_the_bytes() -> None:
    samples = _noise(3 * BLOCK_FRAMES + 77)
    cuts = [0, 1, 4095, 4097, 9000, len(samples)]
    assert _encode([samples]) == _encode([samples[a:b] for a, b in pairwise(cuts)])


def test_silence_costs_next_to_no_bytes() -> None:
    assert len(_encode([BLOCK_FRAMES * 1000])) < 20 * 1000


@pytest.mark.parametrize("bits", [16, 24])
def test_the_header_holds_the_md5_of_the_samples_when_asked(bits: int) -> None:
    pieces: list[Samples | int] = [BLOCK_FRAMES, _noise(5000, bits=bits), 7]
    little_endian = _plain(pieces).astype("<i4").view(np.uint8).reshape(-1, 4)[:, : bits // 8].tobytes()
    assert _encode(pieces, bits=bits, md5=True)[26:42] == hashlib.md5(little_endian).digest()
    assert _encode(pieces, bits=bits)[26:42] == bytes(16)


def test_a_sample_out_of_range_is_refused_and_never_wrapped() -> None:
    encoder = FlacEncoder(lambda _: None, rate_hz=44100, channels=2, bits=16, frames=5000)
    with pytest.raises(FarmError, match="out of range"):
        encoder.write(np.full((5000, 2), 2**15, dtype=np.int32))


def test_another_number_of_frames_than_promised_is_an_error() -> None:
    encoder = FlacEncoder(lambda _: None, rate_hz=44100, channels=2, bits=24, frames=10)
    encoder.write(_noise(9))
    with pytest.raises(FarmError, match="10 frames was given 9"):
        encoder.close()


def test_a_sink_that_fails_is_heard() -> None:
    def full(_: bytes) -> None:
        raise OSError(28, "No space left on device")

    encoder = FlacEncoder(full, rate_hz=44100, channels=2, bits=24, frames=50000)
    with pytest.raises(OSError, match="No space left"):
        encoder.write(_noise(50000))


def test_a_machine_without_libflac_gets_the_command_that_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flac, "find_library", lambda: None)
    flac.load_library.cache_clear()
    try:
        with pytest.raises(MissingDependencyError, match="pip install pygame-ce"):
            FlacEncoder(lambda _: None, rate_hz=44100, channels=2, bits=24, frames=1)
    finally:
        flac.load_library.cache_clear()


def test_the_library_says_its_version() -> None:
    assert flac.library_version().split(".")[0] == "1"
