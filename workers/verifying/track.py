"""One track under verification: where it lies, what the manifest and the plan promise, and what was found."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from schemas.annotation import SongAnnotation, StemAnnotation
from schemas.convert import AudioForm, MixOrigin, rounding_of
from schemas.dataset import TrackRecord
from schemas.instruments import PatchChoice
from schemas.patch import SoundSettings
from schemas.plan import DatasetPlan
from workers.verifying.report import Code, Finding


@dataclass
class TrackCheck:
    """Collects the findings of one track."""

    folder: Path
    record: TrackRecord
    plan: DatasetPlan
    form: AudioForm  #: of its audio: that of the plan, or of the last conversion
    findings: list[Finding] = field(default_factory=list)

    def add(self, file: str, code: Code, message: str) -> None:
        """Note a finding."""
        self.findings.append(Finding(track=self.record.folder, file=file, code=code, message=message))

    def has(self, file: str) -> bool:
        """Whether the manifest lists the file and it is there."""
        return any(known.path == file for known in self.record.files) and (self.folder / file).is_file()

    def roundings(self, song: SongAnnotation) -> list[float]:
        """Return how far a sample may be off after each time that it was rounded, in order, 1.0 being full scale."""
        return [rounding_of(bits, dither=dither) for bits, dither in self._rounded(song)]

    def dithered(self, song: SongAnnotation) -> bool:
        """Whether the samples were last rounded with dither."""
        return self._rounded(song)[-1][1]

    def _rounded(self, song: SongAnnotation) -> list[tuple[int, bool]]:
        output = self.plan.output
        lossy = [(done.bits, done.dither) for done in song.conversions if done.mix is not MixOrigin.KEPT]
        return [(output.bits, output.dither), *lossy]

    def choice_of(self, stem: StemAnnotation) -> PatchChoice | None:
        """Return the choice of the plan's instrument map that a stem says it was played by; None where it has none."""
        instruments = self.plan.instruments.loaded
        groups = [] if instruments is None else instruments.groups
        patches = (patch for group in groups if group.name == stem.group for patch in group.patches)
        return next((patch for patch in patches if patch.name == stem.choice), None)

    def sound_of(self, stem: StemAnnotation) -> SoundSettings | None:
        """Return what the map's patch file says of the instrument of a stem; None for a preset of a soundfont."""
        choice = self.choice_of(stem)
        file = None if choice is None else choice.file
        return None if file is None else file.settings


def check_files(track: TrackCheck) -> None:
    """Compare the files of a track's folder with the manifest: which, how large, and what they hold (SHA-256)."""
    for known in track.record.files:
        path = track.folder / known.path
        if not path.is_file():
            track.add(known.path, Code.FILE_MISSING, "the manifest lists it, and it is not there")
            continue
        size_bytes = path.stat().st_size
        if size_bytes != known.size_bytes:
            track.add(known.path, Code.FILE_SIZE, f"{size_bytes} bytes, and the manifest says {known.size_bytes}")
        elif _sha256(path) != known.sha256:
            track.add(known.path, Code.FILE_HASH, "its content is not that of the manifest (SHA-256)")
    listed = {known.path for known in track.record.files}
    for path in sorted(track.folder.rglob("*")):
        relative = path.relative_to(track.folder).as_posix()
        if not path.is_dir() and relative not in listed:
            track.add(relative, Code.FILE_EXTRA, "the manifest does not list it")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
