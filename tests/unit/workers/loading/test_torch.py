"""The torch dataset: the same crops in any number of workers; a tiny model learns from it; torch stays an extra."""

from __future__ import annotations

import ast
import importlib.util
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from schemas.errors import MissingDependencyError
from tests.architecture.tree import ROOT
from workers.loading import torch as loading
from workers.loading.crops import CropSettings
from workers.loading.torch import StemCrops

SOURCES = {"bass": range(32, 40), "drums": (128,)}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def crops(dataset: Path, length: int = 8, seconds: float = 0.5, remix: float = 0.5) -> StemCrops:
    settings = CropSettings(seconds=seconds, sources=SOURCES, remix=remix, gain_db=(-3.0, 3.0), seed=1)
    return StemCrops(dataset, settings, length=length)


def test_items_are_float_tensors_whose_sources_sum_to_the_mix(dataset: Path) -> None:
    data = crops(dataset)
    assert (len(data), data.sources) == (8, ["bass", "drums", "other"])
    item = data[0]
    assert (item["mix"].shape, item["sources"].shape) == ((1, 8000), (3, 1, 8000))
    assert item["mix"].dtype == item["sources"].dtype == torch.float32
    torch.testing.assert_close(item["sources"].sum(0), item["mix"])


def test_there_are_as_many_as_asked_for(dataset: Path) -> None:
    data = crops(dataset, length=3)
    assert len(list(data)) == 3
    with pytest.raises(IndexError):
        data[3]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of fork in a process with threads, Python 3.12
def test_a_loader_with_workers_gives_the_crops_of_one_without(dataset: Path) -> None:
    """Also in the second epoch, whose number the living workers are told."""
    data = crops(dataset)
    alone = DataLoader(data, batch_size=4)
    helped = DataLoader(data, batch_size=4, num_workers=2, persistent_workers=True, multiprocessing_context="spawn")
    epochs = []
    for epoch in range(2):
        data.set_epoch(epoch)
        one = torch.cat([batch["sources"] for batch in alone])
        two = torch.cat([batch["sources"] for batch in helped])
        assert torch.equal(one, two)
        epochs.append(one)
    assert not torch.equal(*epochs)


class Separator(torch.nn.Module):  # type: ignore[misc]  # torch is not there for every checker
    """A learned filter bank, a mask for each source, and the way back: some thousand weights."""

    def __init__(self, sources: int, filters: int = 24, width: int = 32) -> None:
        super().__init__()
        self.sources = sources
        self.encoder = torch.nn.Conv1d(1, filters, width, stride=width // 2)
        self.masks = torch.nn.Conv1d(filters, filters * sources, 5, padding=2)
        self.decoder = torch.nn.ConvTranspose1d(filters, 1, width, stride=width // 2)

    def forward(self, mix: torch.Tensor) -> torch.Tensor:
        features = torch.relu(self.encoder(mix))
        masks = torch.sigmoid(self.masks(features)).unflatten(1, (self.sources, -1))
        separated: torch.Tensor = self.decoder((masks * features[:, None]).flatten(0, 1))
        return separated.unflatten(0, (-1, self.sources))


def test_a_tiny_separation_model_learns_from_it(dataset: Path) -> None:
    torch.manual_seed(0)
    data = crops(dataset, length=32, remix=1.0)
    model = Separator(len(data.sources))
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for epoch in range(8):
        data.set_epoch(epoch)
        for batch in DataLoader(data, batch_size=8):
            loss = torch.nn.functional.mse_loss(model(batch["mix"]), batch["sources"])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
    assert np.isfinite(losses).all()
    assert sum(losses[-4:]) < 0.5 * sum(losses[:4])
    means = np.reshape(losses, (4, -1)).mean(axis=1)
    assert all(after < before for before, after in pairwise(means)), f"the loss falls from epoch to epoch: {means}"


def test_without_torch_the_error_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert loading.__file__ is not None
    spec = importlib.util.spec_from_file_location("without_torch", loading.__file__)
    assert spec is not None
    assert spec.loader is not None
    with pytest.raises(MissingDependencyError) as caught:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    assert caught.value.hint == "pip install 'stemfarm[torch]'"


def test_nothing_else_of_the_product_imports_torch() -> None:
    importers = set()
    for package in ("farm", "workers", "schemas"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom):
                    names = [node.module or ""]
                if any(name.split(".")[0] == "torch" or name == "workers.loading.torch" for name in names):
                    importers.add(path.relative_to(ROOT).as_posix())
    assert importers == {"workers/loading/torch.py"}
