"""LV2 plug-ins by what their bundles say of them (LV2 1.18: core and presets specifications); nothing of theirs is run."""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import unquote, urlparse

from schemas.errors import AssetError, MissingDependencyError

if TYPE_CHECKING:
    from rdflib import Graph

_LV2: Final = "http://lv2plug.in/ns/lv2core#"
_DOAP: Final = "http://usefulinc.com/ns/doap#"
_PRESET: Final = "http://lv2plug.in/ns/ext/presets#"
_RDF_TYPE: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
_SEE_ALSO: Final = "http://www.w3.org/2000/01/rdf-schema#seeAlso"
_LABEL: Final = "http://www.w3.org/2000/01/rdf-schema#label"
_FOAF_NAME: Final = "http://xmlns.com/foaf/0.1/name"

#: Licences that manifests name by the addresses of old, as SPDX expressions; the others are given as they stand.
_LICENCES: Final = {
    "http://usefulinc.com/doap/licenses/gpl": "GPL-2.0-or-later",
    "http://usefulinc.com/doap/licenses/lgpl": "LGPL-2.0-or-later",
    "http://usefulinc.com/doap/licenses/bsd": "BSD-3-Clause",
    "http://usefulinc.com/doap/licenses/mit": "MIT",
    "http://opensource.org/licenses/isc": "ISC",
    "http://opensource.org/licenses/isc-license": "ISC",
}


class Lv2Plugin(NamedTuple):
    """One plug-in of a bundle, as its manifest has it."""

    uri: str
    bundle: Path
    binary: Path
    documents: tuple[Path, ...]  #: Turtle files with all else that is known of it


class Lv2Facts(NamedTuple):
    """What the documents of a plug-in say."""

    name: str
    licence: str
    is_instrument: bool
    ports: list[Lv2Port]  #: the control inputs, in the order of their numbers
    maker: str = ""  #: who maintains it


class Lv2Port(NamedTuple):
    """A control input."""

    symbol: str
    name: str
    minimum: float
    maximum: float

    def share(self, value: float) -> float:
        """Return where a value lies between minimum and maximum, 0 to 1."""
        span = self.maximum - self.minimum
        return min(max((value - self.minimum) / span, 0.0), 1.0) if span else 0.0


def lv2_folders() -> list[Path]:
    """Return the folders in which bundles are: those of `LV2_PATH`, else where each system has them."""
    named = os.environ.get("LV2_PATH")
    if named:
        words = named.split(os.pathsep)
    elif sys.platform == "darwin":
        words = ["~/.lv2", "~/Library/Audio/Plug-Ins/LV2", "/Library/Audio/Plug-Ins/LV2", "/usr/local/lib/lv2"]
    else:
        words = ["~/.lv2", "/usr/local/lib/lv2", "/usr/lib/lv2", "/usr/lib64/lv2"]
        words += [str(folder) for folder in sorted(Path("/usr/lib").glob("*-linux-gnu*/lv2"))]
    return [Path(word).expanduser() for word in words if word]


def lv2_plugins() -> Iterator[Lv2Plugin]:
    """Yield every plug-in of every bundle here; a bundle whose manifest cannot be read is passed over.

    Raises:
        MissingDependencyError: the reader of manifests is not installed.
    """
    seen = set()
    for folder in lv2_folders():
        for manifest in sorted(folder.glob("*/manifest.ttl")):
            for plugin in _plugins_of(manifest):
                if plugin.uri not in seen:  # the first folder counts
                    seen.add(plugin.uri)
                    yield plugin


def find_lv2(uri: str) -> Lv2Plugin | None:
    """Return the plug-in with a URI, or None where no bundle has it."""
    return next((plugin for plugin in lv2_plugins() if plugin.uri == uri), None)


def lv2_facts(plugin: Lv2Plugin) -> Lv2Facts:
    """Read what the documents of a plug-in say of it; what they leave out is unknown."""
    from rdflib import URIRef

    graph = _graph(*plugin.documents)
    subject = URIRef(plugin.uri)
    name = _text(graph, subject, _DOAP + "name") or plugin.binary.stem
    project = graph.value(subject, URIRef(_LV2 + "project"))
    licences = [_text(graph, of, _DOAP + "license") for of in (subject, project) if of is not None]
    licence = next((found for found in licences if found), "unknown")
    makers = [graph.value(of, URIRef(_DOAP + "maintainer")) for of in (subject, project) if of is not None]
    maker = next(filter(None, (_text(graph, of, _FOAF_NAME) for of in makers if of is not None)), "")
    kinds = {str(kind) for kind in graph.objects(subject, URIRef(_RDF_TYPE))}
    return Lv2Facts(name, _spdx(licence), _LV2 + "InstrumentPlugin" in kinds, _ports(graph, subject), maker)


def read_lv2_preset(path: Path, plugin: Lv2Plugin, label: str = "") -> dict[str, float]:
    """Return the values that a preset file (Turtle) gives to the control inputs, 0 to 1 each, by their names.

    Args:
        path: the file.
        plugin: for which the preset must be.
        label: of the preset in the file; left out, the first by its URI.

    Raises:
        AssetError: the file cannot be read, or has no such preset.
    """
    from rdflib import URIRef

    graph = _graph(path)
    found = sorted(graph.subjects(URIRef(_PRESET + "value")), key=str)
    holders = {str(owner): owner for port in found for owner in graph.subjects(URIRef(_LV2 + "port"), port)}
    fitting = [
        owner
        for _, owner in sorted(holders.items())
        if str(graph.value(owner, URIRef(_LV2 + "appliesTo")) or plugin.uri) == plugin.uri
        and (not label or _text(graph, owner, _LABEL) == label)
    ]
    if not fitting:
        raise AssetError(
            f"{path} has no preset {label or 'with values'} for <{plugin.uri}>",
            hint="Name a preset file of this plug-in",
        )
    ports = {port.symbol: port for port in lv2_facts(plugin).ports}
    values = {}
    for entry in graph.objects(fitting[0], URIRef(_LV2 + "port")):
        symbol, value = _text(graph, entry, _LV2 + "symbol"), graph.value(entry, URIRef(_PRESET + "value"))
        if symbol in ports and value is not None:
            values[ports[symbol].name] = ports[symbol].share(float(str(value)))
    return values


@functools.lru_cache(maxsize=1024)
def _plugins_of(manifest: Path) -> tuple[Lv2Plugin, ...]:
    try:
        graph = _graph(manifest)
    except AssetError:
        return ()
    from rdflib import URIRef

    found = []
    for subject in sorted(graph.subjects(URIRef(_RDF_TYPE), URIRef(_LV2 + "Plugin")), key=str):
        binary = _path(graph.value(subject, URIRef(_LV2 + "binary")))
        if binary is not None:
            documents = (_path(of) for of in graph.objects(subject, URIRef(_SEE_ALSO)))
            there = tuple(sorted(path for path in documents if path is not None and path.is_file()))
            found.append(Lv2Plugin(str(subject), manifest.parent, binary, (manifest, *there)))
    return tuple(found)


def _ports(graph: Graph, subject: Any) -> list[Lv2Port]:
    from rdflib import URIRef

    rows = []
    for port in graph.objects(subject, URIRef(_LV2 + "port")):
        kinds = {str(kind) for kind in graph.objects(port, URIRef(_RDF_TYPE))}
        if {_LV2 + "InputPort", _LV2 + "ControlPort"} <= kinds:
            bounds = [_number(graph, port, _LV2 + key, other) for key, other in (("minimum", 0.0), ("maximum", 1.0))]
            symbol = _text(graph, port, _LV2 + "symbol")
            row = Lv2Port(symbol, _text(graph, port, _LV2 + "name") or symbol, bounds[0], bounds[1])
            rows.append((_number(graph, port, _LV2 + "index", 0.0), row))
    return [row for _, row in sorted(rows)]


def _spdx(licence: str) -> str:
    """Return a licence as an SPDX expression, where its address is known to stand for one."""
    found = re.fullmatch(r"https?://spdx\.org/licenses/([^/]+?)(\.html)?", licence)
    return found.group(1) if found else _LICENCES.get(licence.rstrip("/"), licence)


def _graph(*paths: Path) -> Graph:
    """Read Turtle files into one graph.

    Raises:
        AssetError: one cannot be read.
    """
    try:
        from rdflib import Graph
    except ImportError as error:
        raise MissingDependencyError(
            "LV2 plug-ins are described in Turtle, and rdflib, which reads it, is not installed",
            hint="Install it with `pip install 'stemfarm[plugins]'`",
        ) from error
    graph = Graph()
    for path in paths:
        try:
            graph.parse(str(path), format="turtle", publicID=path.resolve().as_uri())
        except Exception as error:
            raise AssetError(
                f"{path} cannot be read as Turtle: {str(error).splitlines()[0] if str(error) else type(error).__name__}",
                hint="Install the plug-in again, or name a preset file of its own format",
            ) from error
    return graph


def _text(graph: Graph, subject: Any, predicate: str) -> str:
    from rdflib import URIRef

    found = sorted(str(value) for value in graph.objects(subject, URIRef(predicate)))
    return found[0] if found else ""


def _number(graph: Graph, subject: Any, predicate: str, otherwise: float) -> float:
    text = _text(graph, subject, predicate)
    try:
        return float(text)
    except ValueError:
        return otherwise


def _path(node: object) -> Path | None:
    parts = urlparse(str(node)) if node is not None else None
    return Path(unquote(parts.path)) if parts is not None and parts.scheme == "file" else None
