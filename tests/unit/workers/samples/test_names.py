"""What file names say of recordings."""

from __future__ import annotations

import pytest

from workers.samples.names import category_of, is_loop, key_of, tempo_of


@pytest.mark.parametrize(
    ("path", "category"),
    [
        ("Kick_01.wav", "beat"), ("drums/loop 3.wav", "beat"), ("sub_G.wav", "bassline"), ("subtle.wav", None),
        ("warm pad C.wav", "harmony"), ("synth lead.wav", "melody"), ("bass/lead 3.wav", "melody"),
        ("bass drum.wav", "bassline"), ("hats.wav", "beat"), ("what.wav", None), ("take 3.wav", None),
    ],
)  # fmt: skip
def test_the_first_word_of_the_file_or_of_the_nearest_folder_decides(path: str, category: str | None) -> None:
    assert category_of(path) == category


@pytest.mark.parametrize(
    ("name", "tempo_bpm"),
    [("groove 120bpm", 120), ("Groove_97.5 BPM_x", 97.5), ("bpm128", 128), ("take 120", None), ("999bpm", None)],
)
def test_a_tempo_stands_beside_its_unit(name: str, tempo_bpm: float | None) -> None:
    assert tempo_of(name) == tempo_bpm


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("pad_F#m_90", "F#m"), ("Bb major pad", "Bb"), ("keys Amin", "Am"), ("lead Csharp", "C#"), ("A loop", None),
        ("riff_Am", "Am"), ("Groove", None), ("G pad", "G"), ("Ebm", "Ebm"), ("DMaj7", None),
    ],
)  # fmt: skip
def test_a_key_stands_alone(name: str, key: str | None) -> None:
    assert key_of(name) == key


def test_a_name_may_say_loop_or_hit() -> None:
    assert [is_loop(name) for name in ("Drum Loop 2", "one-shot kick", "clap hit", "whitewash", "kick")] == [
        True, False, False, None, None,
    ]  # fmt: skip
