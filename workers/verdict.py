"""The audio check of a stem at commit: pure judgement on what was measured against what the MIDI asked for.

Three weights. `retry`: the audio cannot be right whatever the music; a fresh engine has another go, and a stem that fails
again is never published. `quarantine`: the same, but the engine's own report shows that the patch is at fault. `warn`: true
to the MIDI and the patch, and worth knowing; the finding travels with the labels.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from schemas.job import RenderJob
from schemas.patch import Patch
from schemas.result import EngineReport, StemMeasurement, Verdict
from schemas.states import FailureReason, VerdictStatus
from schemas.words import counted
from workers.audio.levels import SOUND_FLOOR
from workers.audio.stemfile import CHUNK_FRAMES

#: Frames in a row at the peak that count as clipping. Of the General MIDI presets of TimGM6mb and FluidR3 none has more
#: than two, square leads included.
CLIPPED_FRAMES: Final = 8
#: Mean of a channel relative to the stem's RMS that counts as an offset (-6 dB). Short low notes of sound presets reach 0.4.
DC_SHARE: Final = 0.5
#: Level at which a tail was cut, relative to the stem's peak: above -60 dB it can be heard ...
CUT_SHARE: Final = 1e-3
#: ... and above -40 dB after so many seconds it has not decayed: a note that does not end. (The longest General MIDI preset of
#: both soundfonts has died away within 10 s.) Where a plan allows shorter tails, they are cut because it says so.
ENDLESS_SHARE: Final = 0.01
ENDLESS_AFTER_S: Final = 10.0
#: How much later than its first note a stem may begin to sound, seconds: slow pads take their time, a lost second does not.
ONSET_LAG_S: Final = 0.5
#: How much earlier, seconds: half of FluidSynth's grid at 8 kHz is 4 ms. Sound before the first note is not of this MIDI.
ONSET_LEAD_S: Final = 0.01
#: Median spectral flatness of the loudest moments above which a pitched stem is noise: white noise has 0.97, single notes of
#: the noisiest pitched General MIDI preset of both soundfonts 0.23, and of those that are meant to be noise up to 0.53. Ninths
#: strummed fast on TimGM6mb's clean guitar, whose partials lie close together up to 7 kHz, reach 0.67.
NOISE_FLATNESS: Final = 0.8
#: So far below full level silence is what notes ask for: General MIDI presets of TimGM6mb peak at -5 to -23 dBFS when played
#: at full velocity, volume and expression, and silence begins at -100 dBFS. Velocity 1 alone takes 84 dB.
INAUDIBLE_DB: Final = -77.0
#: Programs that are noise by their nature: synth effects (General MIDI 97-104), percussion and sound effects (113-128).
_NOISY_PROGRAMS: Final = frozenset({*range(96, 104), *range(112, 128)})
#: Room for the engine's grid and for the chunks in which it looks for the end of a tail, frames.
_GRID_FRAMES: Final = 64

_QUARANTINE: Final = frozenset({FailureReason.ALL_ZERO, FailureReason.SILENT_NOTES})
_RETRY: Final = frozenset(
    {FailureReason.NOT_FINITE, FailureReason.WRONG_LENGTH, FailureReason.ALL_ZERO, FailureReason.ENDLESS_NOTE}
)

Finding = tuple[FailureReason, str]


def judge(
    report: EngineReport,
    measured: StemMeasurement,
    job: RenderJob,
    *,
    other_hashes: Collection[str] = (),
    data_hash: str = "",
    loudest_db: float | None = None,
) -> Verdict:
    """Return the verdict on one stem.

    The same audio as another part's is a warning: songs do have two tracks that double each other note for note.

    Args:
        report: what the engine knows of the render.
        measured: what was measured in the audio.
        job: what was asked for.
        other_hashes: data hashes of stems of the same song that play other MIDI.
        data_hash: of this stem.
        loudest_db: how far below full level the MIDI asks the loudest note to be; None where that is not known.

    Returns:
        Status and findings in order of weight; the first names the failure, where the status is one.
    """
    findings = list(_findings(report, measured, job, loudest_db))
    if data_hash in other_hashes and measured.peak > SOUND_FLOOR:
        findings.append((FailureReason.SAME_AUDIO, "the same audio as another part that plays other MIDI"))
    findings.sort(key=lambda finding: finding[0] not in _RETRY)
    names = [name for name, _ in findings]
    return Verdict(
        status=_status(report, measured, names), findings=names, detail="; ".join(text for _, text in findings)
    )


def _status(report: EngineReport, measured: StemMeasurement, names: list[FailureReason]) -> VerdictStatus:
    if _QUARANTINE.issubset(names):
        return VerdictStatus.QUARANTINE
    if not _RETRY.isdisjoint(names) or _sounds_early(report, measured):
        return VerdictStatus.RETRY
    return VerdictStatus.WARN if names else VerdictStatus.PASS


def _findings(
    report: EngineReport, measured: StemMeasurement, job: RenderJob, loudest_db: float | None
) -> Iterator[Finding]:
    if measured.nonfinite:
        yield FailureReason.NOT_FINITE, f"{measured.nonfinite} samples are NaN or infinite"
        return
    yield from _length(report, measured, job)
    if measured.peak <= SOUND_FLOOR:
        yield from _silence(report, loudest_db)
        return
    yield from _onset(report, measured, job)
    yield from _tail(report, measured, job)
    if report.silent_notes:
        text = f"the preset {report.preset_name} has no sample for {len(report.silent_notes)} of {counted(report.notes, 'note')}"
        yield FailureReason.SILENT_NOTES, text
    if (report.preset_bank, report.preset_program) != (job.patch.bank, job.patch.program):
        text = f"{report.preset_name} stands in for bank {job.patch.bank}, program {job.patch.program}"
        yield FailureReason.PRESET_SUBSTITUTED, text
    if report.ignored_bends:
        text = f"{report.ignored_bends} of {report.notes} notes are bent, and {job.patch.name} plays no bends"
        yield FailureReason.BENDS_IGNORED, text
    yield from _waveform(measured, job)


def _length(report: EngineReport, measured: StemMeasurement, job: RenderJob) -> Iterator[Finding]:
    """A stem is as long as its last note and a tail of at most what the job allows."""
    shortest = report.last_release_s * measured.rate_hz - _GRID_FRAMES
    longest = (report.last_release_s + job.tail_max_s) * measured.rate_hz + CHUNK_FRAMES
    if not shortest <= measured.frames <= longest:
        text = f"{measured.frames / measured.rate_hz:.3f} s of audio for notes until {report.last_release_s:.3f} s"
        yield FailureReason.WRONG_LENGTH, text


def _silence(report: EngineReport, loudest_db: float | None) -> Iterator[Finding]:
    """Silence is right where no note is asked to sound, or none to be heard; anywhere else it is the worst of errors."""
    audible = report.notes - report.muted_notes
    if audible <= 0:
        yield FailureReason.SILENT_BY_MIDI, "volume or expression is zero wherever notes sound"
        return
    if loudest_db is not None and loudest_db <= INAUDIBLE_DB:
        text = f"velocity, volume and expression put its loudest note {-loudest_db:.0f} dB below full level"
        yield FailureReason.INAUDIBLE, text
        return
    yield FailureReason.ALL_ZERO, f"no sound where {counted(audible, 'note')} should sound"
    if report.first_audible_note_s is None:
        yield FailureReason.SILENT_NOTES, f"the preset {report.preset_name} has no sample for any of them"


def _onset(report: EngineReport, measured: StemMeasurement, job: RenderJob) -> Iterator[Finding]:
    if report.first_audible_note_s is None or measured.first_sound_s is None:
        return
    lag_s = measured.first_sound_s - report.first_audible_note_s
    sound = job.patch.sound
    if lag_s > ONSET_LAG_S + (0.0 if sound is None else sound.onset_s) or _sounds_early(report, measured):
        yield (
            FailureReason.ONSET_LAG,
            f"the sound begins {abs(lag_s):.3f} s {'before' if lag_s < 0 else 'after'} its note",
        )


def _sounds_early(report: EngineReport, measured: StemMeasurement) -> bool:
    """Whether there is sound before the first note (where muted notes are, their release may be heard)."""
    if report.first_audible_note_s is None or measured.first_sound_s is None or report.muted_notes:
        return False
    return measured.first_sound_s < report.first_audible_note_s - ONSET_LEAD_S


def _tail(report: EngineReport, measured: StemMeasurement, job: RenderJob) -> Iterator[Finding]:
    if not report.tail_cut:
        return
    share = measured.tail_peak / measured.peak
    if share > ENDLESS_SHARE and job.tail_max_s >= ENDLESS_AFTER_S:
        yield FailureReason.ENDLESS_NOTE, f"a note still sounds {job.tail_max_s:g} s after the last release"
    elif share > CUT_SHARE:
        yield FailureReason.TRUNCATED_TAIL, f"the tail was cut after {job.tail_max_s:g} s, while it could be heard"


def _waveform(measured: StemMeasurement, job: RenderJob) -> Iterator[Finding]:
    if measured.flat_run_frames >= CLIPPED_FRAMES:
        yield FailureReason.CLIPPED, f"{measured.flat_run_frames} equal samples in a row at the peak"
    if max(map(abs, measured.dc)) > DC_SHARE * measured.rms:
        yield FailureReason.DC_OFFSET, f"a constant offset of {max(measured.dc, key=abs):.4f}"
    if measured.flatness is not None and measured.flatness > NOISE_FLATNESS and not _may_be_noise(job.patch):
        yield FailureReason.NOISE, f"noise where tones are expected (spectral flatness {measured.flatness:.2f})"


def _may_be_noise(patch: Patch) -> bool:
    """Whether noise is what a patch is meant to make: of a soundfont's presets the program says so, else its file."""
    if patch.whole or patch.is_drum:
        return True
    return patch.program in _NOISY_PROGRAMS if patch.sound is None else patch.sound.noisy
