"""What a verification says: a list of findings, each with the track, the file and a stable code."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from pydantic import SerializerFunctionWrapHandler, model_serializer

from schemas.base import FarmModel
from schemas.words import counted

#: Songs made anew that are named.
_NAMED: Final = 5


class Code(StrEnum):
    """What can be wrong with a dataset."""

    # the dataset
    MANIFEST_INVALID = "manifest_invalid"  #: missing, or a line that is no track record
    TOTALS_WRONG = "totals_wrong"  #: dataset.json counts other tracks or seconds than the manifest
    SPLITS_WRONG = "splits_wrong"  #: dataset.json says other things of the splits than the manifest
    TRACK_MISSING = "track_missing"  #: in the manifest, and no folder
    TRACK_EXTRA = "track_extra"  #: a folder, and not in the manifest
    # files
    FILE_MISSING = "file_missing"
    FILE_EXTRA = "file_extra"
    FILE_SIZE = "file_size"
    FILE_HASH = "file_hash"
    # labels
    ANNOTATION_INVALID = "annotation_invalid"  #: not of the published schema, or columns of unequal length
    ANNOTATION_DIFFERS = "annotation_differs"  #: says other things than the manifest or the plan
    ANNOTATION_OUTSIDE = "annotation_outside"  #: a time outside the audio, or an interval that ends before it starts
    METADATA_DIFFERS = "metadata_differs"  #: metadata.yaml says other things than the annotation
    NOTES_DIFFER = "notes_differ"  #: other notes than in the stem's MIDI file
    PATCH_DIFFERS = "patch_differs"  #: not a patch, rule or octave that the plan's instrument map has for the part
    SAMPLE_DIFFERS = "sample_differs"  #: a recording that the plan's library does not have, or used in another way
    SUBMIX_WRONG = "submix_wrong"  #: a submix in which a stem is not in exactly one group
    ROLE_WRONG = "role_wrong"  #: gain or pan of a stem are not those that the plan's roles have or draw for it
    MIX_WRONG = "mix_wrong"  #: other mixes, or other stems of one, than the plan wants
    GAIN_WRONG = "gain_wrong"  #: loudness, gain and target do not add up
    # audio
    AUDIO_UNREADABLE = "audio_unreadable"
    AUDIO_FORM = "audio_form"  #: rate, channels, bits or length
    NOT_THE_SUM = "not_the_sum"  #: the stems do not sum to the mix, or those of a group to the group
    DIFFERENCE_WRONG = "difference_wrong"  #: a mix of the whole song misses the sum of the stems by other than it says
    LOUDNESS_WRONG = "loudness_wrong"
    PEAK_WRONG = "peak_wrong"
    OVER_CEILING = "over_ceiling"
    REGIONS_WRONG = "regions_wrong"  #: sound outside the active regions, or none inside
    # audio against MIDI
    SOUND_WITHOUT_NOTE = "sound_without_note"
    NOTE_WITHOUT_SOUND = "note_without_sound"
    PITCH_WRONG = "pitch_wrong"
    OCTAVE_WRONG = "octave_wrong"  #: the pitch classes are right, and the sound lies octaves away from the notes
    # songs that were made anew
    REMAKE_DIFFERS = "remake_differs"  #: a file has other bytes than the one that the same plan makes now
    REMAKE_FAILED = "remake_failed"  #: the same plan, versions and data make no such song now


class Finding(FarmModel):
    """One thing that is wrong."""

    track: str  #: its folder in the dataset, with that of its split; empty where the dataset as a whole is meant
    file: str  #: path in the track's folder, or in the dataset; empty where no single file is meant
    code: Code
    message: str


class NotRemade(FarmModel):
    """A song, or a part of one, that could not be compared with what is made anew."""

    track: str
    reason: str  #: a stable code, such as `engine_differs`
    message: str


class Remake(FarmModel):
    """What became of the songs that were made anew."""

    asked: str  #: as it was asked for: a share of the songs or their number
    songs: int  #: that were chosen
    tracks: list[str]  #: that were made anew and compared, in order
    files: int  #: that were compared
    size_bytes: int
    differing: int  #: files, or songs that could not be made
    skipped: dict[str, int]  #: reason -> songs
    not_remade: list[NotRemade]


class VerifyReport(FarmModel):
    """The result of a verification."""

    dataset: str
    tracks: int
    fast: bool
    ok: bool
    findings: list[Finding]
    remake: Remake | None = None  #: the key is only there where songs were to be made anew

    @model_serializer(mode="wrap")
    def _without_remake(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = handler(self)
        if self.remake is None:
            del values["remake"]
        return values


def report_text(report: VerifyReport) -> str:
    """Return a report as a person reads it: a finding a line, then what was made anew, the verdict last."""
    lines = [
        f"{'/'.join(part for part in (finding.track, finding.file) if part)}: {finding.code.value}: {finding.message}"
        for finding in report.findings
    ]
    if report.remake is not None:
        lines += _remake_lines(report.remake)
    verdict = "everything is as it claims" if report.ok else counted(len(report.findings), "finding")
    return "\n".join([*lines, f"{report.dataset}: {counted(report.tracks, 'track')}, {verdict}"]) + "\n"


def _remake_lines(remake: Remake) -> list[str]:
    lines = [f"{item.track}: not made anew: {item.reason}: {item.message}" for item in remake.not_remade]
    if remake.tracks:
        names = ", ".join(remake.tracks[:_NAMED]) + (", ..." if len(remake.tracks) > _NAMED else "")
        same = "every byte the same" if not remake.differing else f"{remake.differing:,} not the same"
        lines.append(
            f"made anew: {counted(len(remake.tracks), 'song')} ({names}), {counted(remake.files, 'file')}, {same}"
        )
    return lines
