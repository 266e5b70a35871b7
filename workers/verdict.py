"""The audio check of a stem at commit: pure judgement on what was measured against what the MIDI asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from schemas.job import RenderJob
from schemas.result import EngineReport, StemMeasurement, Verdict
from schemas.states import FailureReason, VerdictStatus

#: Peak below which a stem counts as silent, linear: -100 dBFS, below the last bit of 16-bit audio (-90 dBFS).
SILENT_PEAK: Final = 1e-5
#: Frames at the peak in a row that count as clipping: 8 at 44.1 kHz is a flat top that no decaying sample has by chance.
FLAT_RUN_FRAMES: Final = 64
#: Mean of a channel relative to the stem's RMS that counts as a DC offset (-12 dB).
DC_SHARE: Final = 0.25
#: Peak of the last 50 ms relative to the stem's peak that counts as a cut tail (-60 dB).
TAIL_SHARE: Final = 1e-3
#: How much later than its first note a stem may begin to sound, seconds: slow pads take their time, a lost second does not.
ONSET_LAG_S: Final = 0.5
#: How much earlier than its first note a stem may sound, seconds: half of FluidSynth's grid at 16 kHz and some room.
ONSET_LEAD_S: Final = 0.01
#: Median spectral flatness above which a pitched stem is noise: white noise has 0.56 in one window, tones below 0.1.
NOISE_FLATNESS: Final = 0.5
#: Programs that are noise by their nature: sound effects (General MIDI 119-127) and synth effects (96-103).
_NOISY_PROGRAMS: Final = frozenset({*range(96, 104), *range(118, 128)})

#: Findings that cannot be right whatever the music. The others may be: a pad swells in slowly, and two tracks of one
#: song may double each other note for note; they are warnings that travel with the labels.
_RETRY: Final = frozenset({FailureReason.NOT_FINITE, FailureReason.WRONG_LENGTH, FailureReason.ALL_ZERO})
_EXPLAINED: Final[dict[FailureReason, str]] = {
    FailureReason.NOT_FINITE: "samples that are NaN or infinite",
    FailureReason.WRONG_LENGTH: "the audio is shorter than its notes",
    FailureReason.ALL_ZERO: "no sound where notes sound",
    FailureReason.ONSET_LAG: "the sound does not begin with the first note",
    FailureReason.SAME_AUDIO: "the same audio as another stem that plays other notes",
    FailureReason.SILENT_BY_MIDI: "volume, expression or velocity is zero wherever notes sound",
    FailureReason.SILENT_NOTES: "the patch has no sample for some notes",
    FailureReason.ENDLESS_NOTE: "a note still sounded when the longest tail had passed",
    FailureReason.TRUNCATED_TAIL: "the audio ends before the sound has decayed",
    FailureReason.CLIPPED: "flat tops at the peak",
    FailureReason.DC_OFFSET: "a constant offset",
    FailureReason.NOISE: "noise where tones are expected",
}


def judge(
    report: EngineReport, measured: StemMeasurement, job: RenderJob, *, other_hashes: Collection[str] = (), data_hash: str = ""
) -> Verdict:
    """Return the verdict on one stem.

    Args:
        report: what the engine knows of the render.
        measured: what was measured in the audio.
        job: what was asked for.
        other_hashes: data hashes of stems of the same song that play other MIDI.
        data_hash: of this stem.

    Returns:
        `retry` for audio that cannot be right, `warn` for audio that is worth a look or a label, else `pass`; the
        findings in order of weight.
    """
    findings = list(_findings(report, measured, job))
    if data_hash in other_hashes and measured.peak > SILENT_PEAK:
        findings.append(FailureReason.SAME_AUDIO)
    status = VerdictStatus.PASS
    if findings:
        status = VerdictStatus.RETRY if any(finding in _RETRY for finding in findings) else VerdictStatus.WARN
    return Verdict(status=status, findings=findings, detail="; ".join(_EXPLAINED[finding] for finding in findings))


def _findings(report: EngineReport, measured: StemMeasurement, job: RenderJob) -> Iterator[FailureReason]:
    if measured.nonfinite:
        yield FailureReason.NOT_FINITE
        return
    if measured.frames < round(report.last_release_s * measured.rate_hz) - 64:
        yield FailureReason.WRONG_LENGTH
    if measured.peak <= SILENT_PEAK:
        yield from _silence(report)
        return
    yield from _timing(report, measured)
    if report.silent_notes:
        yield FailureReason.SILENT_NOTES
    yield from _tail(report, measured)
    if measured.flat_run_frames >= FLAT_RUN_FRAMES:
        yield FailureReason.CLIPPED
    if measured.rms > 0 and max(map(abs, measured.dc)) > DC_SHARE * measured.rms:
        yield FailureReason.DC_OFFSET
    if _is_noise(measured, job):
        yield FailureReason.NOISE


def _silence(report: EngineReport) -> Iterator[FailureReason]:
    """Silence is right where no note is asked to sound; anywhere else it is the worst of errors."""
    audible = report.notes - report.muted_notes
    yield FailureReason.SILENT_BY_MIDI if audible <= 0 else FailureReason.ALL_ZERO


def _timing(report: EngineReport, measured: StemMeasurement) -> Iterator[FailureReason]:
    if report.first_audible_note_s is None or measured.first_sound_s is None:
        return
    lag_s = measured.first_sound_s - report.first_audible_note_s
    if not -ONSET_LEAD_S <= lag_s <= ONSET_LAG_S:
        yield FailureReason.ONSET_LAG


def _tail(report: EngineReport, measured: StemMeasurement) -> Iterator[FailureReason]:
    if report.tail_cut:
        yield FailureReason.ENDLESS_NOTE
    if measured.tail_peak > TAIL_SHARE * measured.peak:
        yield FailureReason.TRUNCATED_TAIL


def _is_noise(measured: StemMeasurement, job: RenderJob) -> bool:
    if measured.flatness is None or job.patch.is_drum or job.patch.program in _NOISY_PROGRAMS:
        return False
    return measured.flatness > NOISE_FLATNESS
