"""Small finished datasets with synthesised audio, made through the real mix, annotation and publication."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from schemas.annotation import SongAnnotation
from schemas.base import canonical_json
from schemas.dataset import DATASET, MANIFEST, DatasetRecord, FileRecord, TrackRecord
from schemas.gm import program_class
from schemas.patch import AssetRef, EngineFacts, Patch
from schemas.plan import DatasetPlan, OutputPlan
from schemas.result import EngineReport, StemMeasurement, StemResult, Verdict
from schemas.song import Part, PartFacts, SongFacts, SongSpec, SplitResult
from schemas.states import VerdictStatus
from tests.support import midi
from tests.support.stems import Audio, stem_inputs
from workers.annotating.jams import jams_text
from workers.annotating.song import RenderedStem, annotate_song, kind_of
from workers.midi.notes import NoteTable, read_notes
from workers.midi.smf import read_midi
from workers.midi.split import split_song
from workers.mixing.mix import mix_song
from workers.mixing.others import orders_of, stands_of
from workers.mixing.stems import StemInput
from workers.publishing.layouts.base import TrackContents
from workers.publishing.publish import publish_song

RATE_HZ = 16000
GRID_FRAMES = 64
FONT = AssetRef(name="Test", sha256="f" * 64, size_bytes=1, licence="CC0", path="test.sf2")
FACTS = EngineFacts(engine="fluidsynth", version="2.5.7", library="test", soundfont=FONT)
PLAN = DatasetPlan(name="test", source="songs", seed=7, output=OutputPlan(rate_hz=16000, channels=1))

Spoil = Callable[[dict[str, Audio]], dict[str, Audio]]
Melody = list[tuple[float, float, int]]  #: (beat, length in beats, key)

#: Two bars that leave silence between their notes, so that every note starts out of it.
LEAD: Melody = [
    (0.5, 0.8, 72),
    (2, 0.7, 76),
    (3.5, 0.8, 79),
    (5, 0.7, 77),
    (6.5, 0.8, 74),
    (8, 0.7, 71),
    (9.5, 1.2, 72),
]
BASS: Melody = [(0, 1.3, 48), (2.5, 0.9, 43), (4, 1.5, 41), (7, 0.9, 43), (8.5, 1.5, 36), (10.5, 0.7, 48)]
CHORDS: Melody = [
    (beat, 1.6, key) for beat, root in ((1, 60), (4.5, 65), (7.5, 67)) for key in (root, root + 4, root + 7)
]
DRUMS: Melody = [(beat / 2, 0.2, 36 if beat % 4 == 0 else 38) for beat in range(0, 22, 2)]


def song_midi(*, transpose: int = 0) -> bytes:
    """Return a song of four parts, twelve beats, with a change of tempo and meter and a key."""

    def part(name: str, program: int, channel: int, melody: Melody) -> list[midi.Event]:
        shift = 0 if channel == 9 else transpose
        notes = [
            event
            for beat, length, key in melody
            for event in midi.note(round(beat * 480), round(length * 480), key + shift, channel=channel)
        ]
        return [midi.name(0, name), midi.program(0, program, channel), *notes]

    return midi.song(
        [
            midi.tempo(0, 120),
            midi.meter(0, 4, 4),
            midi.key_signature(0, 0),
            midi.tempo(1920, 110),
            midi.meter(3840, 3, 4),
        ],
        part("Lead", 73, 0, LEAD),
        part("Bass", 33, 1, BASS),
        part("Chords", 19, 2, CHORDS),
        part("Drums", 0, 9, DRUMS),
    )


def synthesise(stem: bytes, part: Part, *, rate_hz: int = RATE_HZ, channels: int = 1) -> Audio:
    """Play a stem with a few harmonics or bursts of noise; silence between notes is exact."""
    notes = read_notes(read_midi(stem))
    release_s = 0.05
    end_s = float(notes.offset_s.max()) + release_s + 0.1
    audio = np.zeros((-(-round(end_s * rate_hz) // GRID_FRAMES) * GRID_FRAMES, channels), dtype=np.float32)
    for index in range(len(notes)):
        start = round(notes.onset_s[index] * rate_hz / GRID_FRAMES) * GRID_FRAMES
        tone = _tone(notes, index, part, rate_hz, release_s)
        audio[start : start + len(tone)] += tone[: len(audio) - start, None]
    return audio


def _tone(notes: NoteTable, index: int, part: Part, rate_hz: int, release_s: float) -> Audio:
    length_s = float(notes.offset_s[index] - notes.onset_s[index])
    time_s = np.arange(round((length_s + release_s) * rate_hz)) / rate_hz
    pitch = int(notes.pitch[index])
    if part.is_drum:
        wave = np.random.default_rng(pitch).standard_normal(len(time_s)) * np.exp(-time_s * 30)
    else:
        hertz = 440.0 * 2 ** ((pitch - 69) / 12)
        harmonics = [k for k in range(1, 7) if hertz * k < rate_hz / 2]
        strength = 0.5 + part.program / 128
        wave = np.sum([np.cos(2 * np.pi * hertz * k * time_s) / k**strength for k in harmonics], axis=0)
        wave *= np.exp(-time_s * (0.5 + part.program / 40))
    fade = np.clip((length_s + release_s - time_s) / release_s, 0.0, 1.0)
    level = 0.1 * (float(notes.velocity[index]) / 127) ** 2
    sound: Audio = (level * wave * fade).astype(np.float32)
    return sound


def song_spec(data: bytes, split: SplitResult, *, track: int = 1, source: str = "A/some_song.mid") -> SongSpec:
    digest = hashlib.sha256(data).hexdigest()
    facts = SongFacts(
        song_hash=digest,
        md5=hashlib.md5(data, usedforsecurity=False).hexdigest(),
        size_bytes=len(data),
        midi_type=1,
        duration_s=split.duration_s,
        notes=sum(part.notes for part in split.parts),
        parts=[
            PartFacts(
                program=part.program,
                is_drum=part.is_drum,
                inst_class=program_class(part.program, is_drum=part.is_drum),
                notes=part.notes,
            )
            for part in split.parts
        ],
        parser="smf",
    )
    return SongSpec(song_hash=digest, track=track, name=f"Track{track:05d}", source=source, facts=facts)


def rendered(part: Part, data: bytes, measured: StemMeasurement | None) -> RenderedStem:
    """Return a stem as if FluidSynth had rendered it without a finding, or had given it up."""
    patch = Patch(engine="fluidsynth", engine_version="2.5.7", asset=FONT, bank=part.bank, program=part.program)
    if measured is None:
        return RenderedStem(part, data, patch, None)
    report = EngineReport(
        preset_name=f"Preset {part.program}", preset_bank=part.bank, preset_program=part.program, notes=part.notes
    )
    result = StemResult(
        spec_hash="a" * 64,
        data_hash="b" * 64,
        engine=report,
        measured=measured,
        verdict=Verdict(status=VerdictStatus.PASS),
    )
    return RenderedStem(part, data, patch, result)


def whole_input(work: Path, played: dict[str, Audio], plan: DatasetPlan) -> StemInput | None:
    """Return what a synthesiser might make of the whole song, which is louder at its beginning; None if not wanted."""
    if plan.mix.made_of != "song":
        return None
    audio = np.zeros((max(map(len, played.values())), plan.output.channels), np.float32)
    for stem in played.values():
        audio[: len(stem)] += np.float32(0.3) * stem
    audio[: plan.output.rate_hz] *= np.float32(1.5)
    return stem_inputs(work, {"MIX": audio}, plan.output.rate_hz)[0]


def make_song(
    work: Path,
    data: bytes,
    *,
    plan: DatasetPlan = PLAN,
    track: int = 1,
    spoil: Spoil | None = None,
) -> TrackContents:
    """Split, synthesise, mix and annotate a song; its audio is in `work/staging`.

    `spoil` takes the stems as a faithful engine would render them and returns those of a faulty one; a stem
    that it leaves out was given up.
    """
    split, midis = split_song(data)
    played = {
        part.name: synthesise(midis[part.name], part, rate_hz=plan.output.rate_hz, channels=plan.output.channels)
        for part in split.parts
    }
    staging = work / "staging"
    staging.mkdir(parents=True)
    if spoil is not None:
        played = spoil(played)
    inputs = stem_inputs(work, played, plan.output.rate_hz)
    measured = {stem.name: stem.measured for stem in inputs}
    stems = [rendered(part, midis[part.name], measured.get(part.name)) for part in split.parts]
    song = song_spec(data, split, track=track)
    kinds = {stem.part.name: kind_of(stem.part, stem.patch, plan) for stem in stems if stem.result is not None}
    mix = mix_song(
        inputs,
        plan.mix,
        plan.output,
        staging,
        min_duration_s=split.duration_s,
        whole=whole_input(work, played, plan),
        stands=stands_of(plan.mix.roles, kinds, seed=plan.seed, song_hash=song.song_hash),
        others=orders_of(plan, kinds, song.song_hash),
        key=(plan.seed, song.song_hash),
    )
    annotation = annotate_song(song, split, stems, mix=mix, plan=plan, facts=FACTS, source_midi=data)
    return TrackContents(
        song=song,
        plan=plan,
        annotation=annotation,
        mix=mix,
        source_midi=data,
        stem_midi=midis,
        jams=jams_text(annotation) if plan.output.jams else None,
    )


def make_dataset(root: Path, *, tracks: int = 1, plan: DatasetPlan = PLAN, spoil: Spoil | None = None) -> Path:
    """Publish a finished dataset of so many songs below `root`; return its folder."""
    dataset = root / "dataset"
    records = []
    for number in range(1, tracks + 1):
        contents = make_song(
            root / f"work{number}", song_midi(transpose=number - 1), plan=plan, track=number, spoil=spoil
        )
        name = contents.song.name
        records.append(publish_song(root / f"work{number}" / "staging", dataset / name, contents))
    write_records(dataset, records, plan)
    return dataset


def write_records(dataset: Path, records: list[TrackRecord], plan: DatasetPlan = PLAN) -> None:
    """Write the manifest and the record of a dataset."""
    (dataset / MANIFEST).write_text("".join(canonical_json(record) + "\n" for record in records))
    record = DatasetRecord(
        name=plan.name,
        plan=plan,
        plan_sha256=plan.plan_hash,
        farm_version="0",
        engine=FACTS.engine,
        engine_version=FACTS.version,
        soundfont=FONT.name,
        soundfont_sha256=FONT.sha256,
        soundfont_licence=FONT.licence,
        tracks=len(records),
        failed=0,
        rejected=[],
        duration_s=sum(track.duration_s for track in records),
        stem_audio_s=sum(track.stem_audio_s for track in records),
    )
    (dataset / DATASET).write_text(json.dumps(record.model_dump(mode="json"), indent=1))


def read_records(dataset: Path) -> list[TrackRecord]:
    return [TrackRecord.model_validate_json(line) for line in (dataset / MANIFEST).read_text().splitlines()]


def reseal(dataset: Path, plan: DatasetPlan = PLAN) -> None:
    """Write sizes and hashes of all files as they are now into the manifest, as a forger would."""
    records = []
    for record in read_records(dataset):
        files = []
        for file in record.files:
            data = (dataset / record.track / file.path).read_bytes()
            digest = hashlib.sha256(data).hexdigest()
            files.append(FileRecord(path=file.path, size_bytes=len(data), sha256=digest))
        records.append(record.model_copy(update={"files": files}))
    write_records(dataset, records, plan)


def read_annotation(dataset: Path, track: str = "Track00001") -> SongAnnotation:
    return SongAnnotation.model_validate_json((dataset / track / "annotation.json").read_bytes())


__all__ = [
    "FACTS",
    "PLAN",
    "RATE_HZ",
    "make_dataset",
    "make_song",
    "read_annotation",
    "read_records",
    "rendered",
    "reseal",
    "song_midi",
    "song_spec",
    "synthesise",
    "write_records",
]
