"""Hosts, slots, patches, limits and quarantine from the command line."""

from __future__ import annotations

import pytest

from farm.cli.hosts import condition
from farm.ledger import HostReport, Ledger
from tests.support.ledgers import Worker, commit_of, new_slot, rendering
from tests.unit.farm.cli.conftest import Call, lose_stem


def key_of(ledger: Ledger) -> str:
    return ledger.patches()[0].load_key


def test_workers_lists_hosts_and_their_slots(ledger: Ledger, call: Call) -> None:
    _, worker = rendering(ledger)
    new_slot(ledger, 2, host="[render-2]")
    ledger.host_pulse("[render-2]", 41_200_000_000)
    worker.lease(limit=1)
    text = call("workers").out
    assert "[render-2]" in text
    assert "41.2 GB" in text
    found = call("workers", "--json").json
    assert {host["host"]: host["busy"] for host in found["hosts"]} == {"here": 1, "[render-2]": 0}
    assert {slot["host"]: slot["holding"] for slot in found["slots"]} == {"here": 1, "[render-2]": 0}
    only = call("workers", "--host", "[render-2]", "--json").json
    assert [slot["host"] for slot in only["slots"]] == [host["host"] for host in only["hosts"]] == ["[render-2]"]


def test_workers_of_an_unknown_host_names_the_known_ones(ledger: Ledger, call: Call) -> None:
    new_slot(ledger)
    answer = call("workers", "--host", "nowhere")
    assert answer.code == 2
    assert "nowhere" in answer.err
    assert "here" in answer.err
    assert call("workers", "--host", "nowhere", "--json").json["reason"] == "unknown_id"


def test_workers_of_a_farm_without_any_says_how_to_start_one(ledger: Ledger, call: Call) -> None:
    answer = call("workers")
    assert answer.code == 0
    assert "farm worker" in answer.out
    assert call("workers", "--json").json == {"hosts": [], "slots": []}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "well"),
        ({"sick": True}, "sick"),
        ({"draining": True, "busy": 1}, "draining"),
        ({"draining": True}, "drained"),
        ({"slots": 0}, "no slots"),
        ({"sick": True, "draining": True, "slots": 0}, "sick, drained, no slots"),
    ],
)
def test_the_condition_of_a_host_in_words(changes: dict[str, int], words: str) -> None:
    values = {"host": "a", "slots": 2, "busy": 0, "draining": False, "sick": False, "last_seen_s": 1.0}
    assert condition(HostReport(**{**values, "free_disk_bytes": None, **changes})) == words  # type: ignore[arg-type]


def test_a_drained_host_gets_no_work_until_it_is_taken_back(ledger: Ledger, call: Call) -> None:
    _, worker = rendering(ledger)
    assert call("drain", "here", "--json").json == {"host": "here", "draining": True, "slots": 1, "busy": 0}
    assert worker.lease() == []
    answer = call("drain", "here", "--off")
    assert answer.code == 0
    assert "takes work again" in answer.out
    assert worker.lease() != []


def test_draining_tells_what_is_still_busy(ledger: Ledger, call: Call) -> None:
    _, worker = rendering(ledger)
    worker.lease(limit=1)
    assert "1 of 1 slot still busy" in call("drain", "here").out


def test_drain_waits_for_the_last_stem(ledger: Ledger, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    _, worker = rendering(ledger)
    leases = worker.lease(limit=2)
    looks = []

    def work(_: float) -> None:
        looks.append(len(leases))
        ledger.commit_stems(worker.slot, [commit_of(leases.pop())])

    monkeypatch.setattr("farm.cli.hosts.time.sleep", work)
    answer = call("drain", "here", "--wait")
    assert answer.code == 0
    assert "nothing runs there" in answer.out
    assert looks == [2, 1]


def test_an_unknown_host_cannot_be_drained(ledger: Ledger, call: Call) -> None:
    answer = call("drain", "nowhere", "--json")
    assert answer.code == 2
    assert answer.json["reason"] == "unknown_id"
    assert "nowhere" in answer.json["error"]


def test_patches_lists_work_by_patch(ledger: Ledger, call: Call) -> None:
    number, worker = rendering(ledger)
    worker.lease(limit=1)
    report = call("patches", number, "--json").json[0]
    assert (report["ready"], report["leased"], report["quarantined"]) == (4, 1, False)
    text = call("patches").out
    assert report["load_key"][:12] in text
    assert "Toy" in text


def test_patches_lists_presets_one_by_one_where_asked(ledger: Ledger, call: Call) -> None:
    number, worker = rendering(ledger)
    (lease,) = worker.lease(limit=1)
    ledger.quarantine("Toy:000:003", "it hums")
    found = {row["patch"]: row for row in call("patches", number, "--presets", "--json").json}
    assert len(found) == sum(row["ready"] + row["leased"] for row in found.values()) == 5
    assert (found[lease.job.patch.name]["leased"], found["Toy:000:003"]["quarantined"]) == (1, True)
    assert sum(row["quarantined"] for row in found.values()) == 1
    text = call("patches", "--presets").out
    assert [name for name in found if name not in text] == []
    assert text == call("patches", "work", "--presets").out
    assert call("patches", 77, "--presets").code == 2


def test_patches_of_an_unknown_submission_names_it(ledger: Ledger, call: Call) -> None:
    answer = call("patches", 77)
    assert answer.code == 2
    assert "77" in answer.err


def test_patches_of_an_empty_farm_says_why_there_are_none(ledger: Ledger, call: Call) -> None:
    assert "when songs are admitted" in call("patches").out
    assert call("patches", "--json").json == []


def test_a_quarantined_patch_is_held_until_it_is_released(ledger: Ledger, call: Call) -> None:
    _, worker = rendering(ledger)
    key = key_of(ledger)
    assert "no patch is quarantined" in call("quarantine").out
    answer = call("quarantine", key[:6], "--reason", "drops [all] note-offs")
    assert answer.code == 0
    assert "5 stems held" in answer.out
    assert f"farm quarantine {key[:12]} --release" in answer.out
    assert worker.lease() == []
    assert "drops [all] note-offs" in call("quarantine").out
    assert [held["load_key"] for held in call("quarantine", "--json").json] == [key]
    assert "quarantined" in call("patches").out
    released = call("quarantine", key[:6], "--release", "--json").json
    assert (released["load_key"], released["quarantined"], released["ready"]) == (key, False, 5)
    assert worker.lease() != []


def test_a_preset_is_held_by_its_name_and_its_soundfont_goes_on(ledger: Ledger, call: Call) -> None:
    _, worker = rendering(ledger)
    key = key_of(ledger)
    answer = call("quarantine", "Toy:000:003", "--reason", "drops [all] note-offs")
    assert answer.code == 0
    assert f"patch Toy:000:003 ({key[:12]}): quarantined, 1 stem held" in answer.out
    assert "`farm quarantine Toy:000:003 --release`" in answer.out
    assert len(worker.lease(limit=1)) == 1
    listed = call("patches").out
    assert listed.index("1 stem held") < listed.index("quarantined patches") < listed.index("drops [all] note-offs")
    assert "Toy:000:003" in call("quarantine").out
    (held,) = call("quarantine", "--json").json
    assert (held["patch"], held["load_key"], held["ready"]) == ("Toy:000:003", key, 1)
    assert [hold["patch"] for hold in call("patches", "--json").json[0]["held_patches"]] == ["Toy:000:003"]
    assert call("quarantine", "Toy:000:", "--release").code == 2, "five patches begin so"
    released = call("quarantine", "Toy:000:003", "--release", "--json").json
    assert (released["patch"], released["quarantined"], released["ready"]) == ("Toy:000:003", False, 1)
    assert "quarantined patches" not in call("patches").out


def test_a_patch_cannot_be_quarantined_twice_or_released_unheld(ledger: Ledger, call: Call) -> None:
    rendering(ledger)
    key = key_of(ledger)
    refused = call("quarantine", key, "--release", "--json")
    assert refused.code == 2
    assert refused.json["reason"] == "state"
    call("quarantine", key)
    assert call("quarantine", key, "--json").json["reason"] == "state"


@pytest.mark.parametrize("options", [(), ("--release",)])
def test_an_unknown_patch_is_named(options: tuple[str, ...], ledger: Ledger, call: Call) -> None:
    answer = call("quarantine", "zzz", *options)
    assert answer.code == 2
    assert "zzz" in answer.err
    assert call("quarantine", "zzz", *options, "--json").json["reason"] == "unknown_id"


def test_release_wants_to_know_of_what(ledger: Ledger, call: Call) -> None:
    assert call("quarantine", "--release").code == 2


def test_limits_are_set_listed_changed_and_dropped(ledger: Ledger, call: Call) -> None:
    assert "no limits are set" in call("limits").out
    answer = call("limits", "Toy", 1)
    assert answer.code == 0
    assert "at most 1" in answer.out
    assert call("limits", "--json").json == [{"name": "Toy", "max": 1, "scope": "instance", "taken": 0}]
    changed = call("limits", "Toy", 2, "--scope", "host", "--json").json
    assert changed == {"name": "Toy", "max": 2, "scope": "host", "known": False}
    assert call("limits", "Toy", "--json").json[0]["scope"] == "host"
    text = call("limits").out
    assert "Toy" in text
    assert "host" in text
    assert call("limits", "Toy", "--drop").out == "limit Toy: dropped\n"
    assert call("limits", "--json").json == []


def test_a_limit_on_a_name_that_nothing_has_is_set_and_said(ledger: Ledger, call: Call) -> None:
    rendering(ledger)
    answer = call("limits", "Tyo", 1)
    assert answer.code == 0
    assert "is called Tyo; the nearest name is Toy" in answer.err
    assert call("limits", "--json").json[0]["name"] == "Tyo"
    known = call("limits", "Toy", 1, "--json")
    assert (known.json["known"], known.err) == (True, "")


def test_a_limit_of_none_holds_all_work(ledger: Ledger, call: Call) -> None:
    _, worker = rendering(ledger)
    call("limits", "Toy", 0)
    assert worker.lease() == []
    assert call("limits", "Toy", "--drop", "--json").json == {"name": "Toy", "dropped": True}
    assert worker.lease() != []


@pytest.mark.parametrize("arguments", [("nothing",), ("nothing", "--drop")])
def test_an_unknown_limit_is_named(arguments: tuple[str, ...], ledger: Ledger, call: Call) -> None:
    answer = call("limits", *arguments)
    assert answer.code == 2
    assert "nothing" in answer.err
    assert call("limits", *arguments, "--json").json["reason"] == "unknown_id"


@pytest.mark.parametrize(
    "arguments", [("Toy", "1", "--scope", "moon"), ("Toy", "-1"), ("Toy", "1", "--drop"), ("--drop",)]
)
def test_a_limit_that_makes_no_sense_is_refused(arguments: tuple[str, ...], ledger: Ledger, call: Call) -> None:
    assert call("limits", *arguments).code == 2
    assert ledger.limits() == []


def test_failed_stems_are_counted_by_patch(ledger: Ledger, call: Call) -> None:
    number, worker = rendering(ledger, songs=2)
    lose_stem(worker)
    assert call("patches", number, "--json").json[0]["failed"] == 1


def test_slots_that_are_gone_are_not_listed(ledger: Ledger, call: Call) -> None:
    slot = Worker(ledger).slot
    ledger.retire_slot(slot)
    found = call("workers", "--json").json
    assert found["slots"] == []
    assert [host["slots"] for host in found["hosts"]] == [0]
    assert "no slot is alive" in call("workers").out
