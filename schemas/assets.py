"""Assets: soundfonts and MIDI corpora that the farm knows, with their addresses, hashes and licences."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field, field_validator, model_validator

from schemas.base import FarmModel

AssetKind = Literal["soundfont", "midi"]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
#: What is said where nobody said a licence.
UNKNOWN: Final = "unknown"
_SCHEMES: Final = ("https://", "http://")


class Credit(FarmModel):
    """Whose work is in a dataset, and under which licence: an entry of its NOTICE."""

    kind: Literal["soundfont", "midi", "patch", "recording"]
    name: str
    licence: str = UNKNOWN  #: an SPDX identifier or expression
    licence_url: str = ""
    author: str = ""
    attribution: str = ""  #: the words that the licence asks for
    url: str = ""  #: where it comes from
    sha256: str = ""


class Asset(FarmModel):
    """One soundfont or corpus of a registry."""

    kind: AssetKind
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]{0,99}$")]
    description: str = ""
    #: Where it can be fetched; left out, it is got by hand from `homepage`.
    url: str | None = None
    homepage: str = ""
    #: SHA-256 of what the address gives.
    sha256: Digest | None = None
    #: Size of what the address gives, bytes.
    size_bytes: Annotated[int, Field(ge=1)] | None = None
    #: Of a soundfont in an archive: its path there.
    member: str | None = None
    #: Names of the soundfont's file where systems keep it; a fetched one gets the first.
    files: list[str] = []
    #: SHA-256 of the soundfont in its known versions: a file is known by its content, whatever its name.
    contents: list[Digest] = []
    licence: str = UNKNOWN
    licence_url: str = ""
    author: str = ""
    attribution: str = ""
    #: Roles of layers that it is for; left out, all of them.
    layers: list[Literal["beat", "melody", "harmony", "bassline"]] = []
    #: Words under which pools of soundfonts find it, such as `piano` or `brushes`.
    tags: list[str] = []
    #: The preset that plays, of a soundfont with one instrument; left out, the part's own.
    bank: Annotated[int, Field(ge=0, le=16383)] | None = None
    program: Annotated[int, Field(ge=0, le=127)] | None = None
    #: Of a person's own: where its file or folder lies.
    path: str | None = None

    @field_validator("url")
    @classmethod
    def _reachable(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(_SCHEMES):
            raise ValueError("an address begins with https:// or http://")
        return value

    @field_validator("files")
    @classmethod
    def _plain_names(cls, value: list[str]) -> list[str]:
        if any("/" in name or "\\" in name or name in {"", ".", ".."} for name in value):
            raise ValueError("files are names without a folder")
        return value

    @model_validator(mode="after")
    def _can_be_kept(self) -> Asset:
        if self.kind == "soundfont" and not self.files:
            raise ValueError("a soundfont needs the names of its file: `files`")
        return self

    def credit(self, sha256: str = "") -> Credit:
        """Return what a NOTICE says of it."""
        return Credit(
            kind=self.kind,
            name=self.name,
            licence=self.licence,
            licence_url=self.licence_url,
            author=self.author,
            attribution=self.attribution,
            url=self.homepage or self.url or "",
            sha256=sha256 or self.sha256 or "",
        )


class AssetFolders(FarmModel):
    """Where soundfonts are looked for."""

    search: list[str] = []
    packages: list[str] = []  #: Python packages that bring one along


class Registry(FarmModel):
    """A file of assets: `[[soundfont]]` and `[[midi]]` tables; soundfonts stand in the order of preference."""

    soundfont: list[Asset] = []
    midi: list[Asset] = []
    folders: AssetFolders = AssetFolders()

    @model_validator(mode="before")
    @classmethod
    def _with_kinds(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        made = dict(values)
        for kind in ("soundfont", "midi"):
            if isinstance(tables := made.get(kind), list):
                made[kind] = [{**table, "kind": kind} if isinstance(table, dict) else table for table in tables]
        return made

    @model_validator(mode="after")
    def _distinct(self) -> Registry:
        names = [asset.name.lower() for asset in self.assets]
        again = sorted({asset.name for asset in self.assets if names.count(asset.name.lower()) > 1})
        if again:
            raise ValueError(f"two assets are called {again[0]}")
        return self

    @property
    def assets(self) -> list[Asset]:
        """All of them, soundfonts first."""
        return [*self.soundfont, *self.midi]

    def named(self, name: str) -> Asset | None:
        """Return the asset of a name, in capitals or not."""
        return next((asset for asset in self.assets if asset.name.lower() == name.lower()), None)
