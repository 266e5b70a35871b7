"""LV2 bundles by their Turtle: plug-ins, what they say of themselves, and presets."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import AssetError
from workers.engines.lv2 import find_lv2, lv2_facts, lv2_plugins, read_lv2_preset

PREFIXES = """
@prefix doap: <http://usefulinc.com/ns/doap#> .
@prefix lv2: <http://lv2plug.in/ns/lv2core#> .
@prefix pset: <http://lv2plug.in/ns/ext/presets#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
"""
MANIFEST = PREFIXES + "<urn:test:horn> a lv2:Plugin ; lv2:binary <horn.so> ; rdfs:seeAlso <horn.ttl> .\n"
DOCUMENT = (
    PREFIXES
    + """
<urn:test:horn> a lv2:Plugin , lv2:InstrumentPlugin ;
  doap:name "Horn" ; doap:license <http://spdx.org/licenses/ISC.html> ;
  lv2:port [ a lv2:InputPort , lv2:ControlPort ; lv2:index 2 ; lv2:symbol "cut" ; lv2:name "Cutoff" ;
             lv2:minimum 100 ; lv2:maximum 1100.0 ] ,
           [ a lv2:InputPort , lv2:ControlPort ; lv2:index 1 ; lv2:symbol "mix" ; lv2:name "Mix" ] ,
           [ a lv2:OutputPort , lv2:AudioPort ; lv2:index 0 ; lv2:symbol "out" ; lv2:name "Out" ] .
"""
)
PRESETS = (
    PREFIXES
    + """
<urn:test:p2> a pset:Preset ; lv2:appliesTo <urn:test:horn> ; rdfs:label "Dark" ;
  lv2:port [ lv2:symbol "cut" ; pset:value 350.0 ] , [ lv2:symbol "mix" ; pset:value 2.0 ] .
<urn:test:p1> a pset:Preset ; lv2:appliesTo <urn:test:horn> ; rdfs:label "Bright" ;
  lv2:port [ lv2:symbol "cut" ; pset:value 1100.0 ] , [ lv2:symbol "unknown" ; pset:value 1.0 ] .
"""
)


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    bundle = tmp_path / "horn.lv2"
    bundle.mkdir()
    (bundle / "manifest.ttl").write_text(MANIFEST)
    (bundle / "horn.ttl").write_text(DOCUMENT)
    (bundle / "presets.ttl").write_text(PRESETS)
    monkeypatch.setenv("LV2_PATH", f"{tmp_path / 'none'}:{tmp_path}")
    return bundle


def test_a_plug_in_is_found_by_its_uri_with_its_binary(bundle: Path) -> None:
    found = find_lv2("urn:test:horn")
    assert found is not None
    assert found.binary == bundle / "horn.so"
    assert find_lv2("urn:test:flute") is None


def test_name_licence_kind_and_control_inputs_come_from_its_documents(bundle: Path) -> None:
    found = find_lv2("urn:test:horn")
    assert found is not None
    facts = lv2_facts(found)
    assert (facts.name, facts.licence, facts.is_instrument) == ("Horn", "ISC", True)
    assert [(port.name, port.minimum, port.maximum) for port in facts.ports] == [("Mix", 0, 1), ("Cutoff", 100, 1100)]


def test_a_preset_gives_each_input_its_share_of_the_range(bundle: Path) -> None:
    found = find_lv2("urn:test:horn")
    assert found is not None
    assert read_lv2_preset(bundle / "presets.ttl", found, "Dark") == {"Cutoff": 0.25, "Mix": 1.0}
    assert read_lv2_preset(bundle / "presets.ttl", found) == {"Cutoff": 1.0}


def test_a_preset_of_another_plug_in_is_refused(bundle: Path) -> None:
    found = find_lv2("urn:test:horn")
    assert found is not None
    with pytest.raises(AssetError, match="no preset"):
        read_lv2_preset(bundle / "presets.ttl", found._replace(uri="urn:test:flute"))
    with pytest.raises(AssetError, match="no preset Loud"):
        read_lv2_preset(bundle / "presets.ttl", found, "Loud")


def test_what_is_no_turtle_is_refused_and_a_damaged_bundle_hides_no_other(bundle: Path) -> None:
    found = find_lv2("urn:test:horn")
    assert found is not None
    broken = bundle.parent / "a-broken.lv2"
    broken.mkdir()
    (broken / "manifest.ttl").write_text("<urn:test:broken> a [")
    assert [plugin.uri for plugin in lv2_plugins()] == ["urn:test:horn"]
    with pytest.raises(AssetError, match="cannot be read as Turtle"):
        read_lv2_preset(broken / "manifest.ttl", found)


def test_of_two_bundles_with_one_uri_the_first_folder_counts(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "own" / "horn.lv2"
    other.mkdir(parents=True)
    (other / "manifest.ttl").write_text(MANIFEST)
    monkeypatch.setenv("LV2_PATH", f"{tmp_path / 'own'}:{tmp_path}")
    assert [plugin.bundle for plugin in lv2_plugins()] == [other]
