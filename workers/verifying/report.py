"""What a verification says: a list of findings, each with the track, the file and a stable code."""

from __future__ import annotations

from enum import StrEnum

from schemas.base import FarmModel


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


class Finding(FarmModel):
    """One thing that is wrong."""

    track: str  #: its folder in the dataset, with that of its split; empty where the dataset as a whole is meant
    file: str  #: path in the track's folder, or in the dataset; empty where no single file is meant
    code: Code
    message: str


class VerifyReport(FarmModel):
    """The result of a verification."""

    dataset: str
    tracks: int
    fast: bool
    ok: bool
    findings: list[Finding]
