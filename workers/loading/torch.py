"""A torch Dataset of random crops of stems, for training source separation.

    from torch.utils.data import DataLoader
    from workers.loading.crops import CropSettings
    from workers.loading.torch import StemCrops

    crops = StemCrops("out/slakh", CropSettings(seconds=4.0, remix=0.5, split="train"), length=10_000)
    for batch in DataLoader(crops, batch_size=16, num_workers=4):
        batch["mix"], batch["sources"]  # [16, channels, frames], [16, sources, channels, frames]

Torch is an extra of its own: nothing else of the farm imports it.
"""

from __future__ import annotations

from pathlib import Path

from schemas.errors import MissingDependencyError
from workers.loading.crops import CropLibrary, CropSettings

try:
    import torch
    from torch.utils.data import Dataset
except ImportError as error:
    raise MissingDependencyError(
        "crops for training need torch, which is not installed", hint="pip install 'stemfarm[torch]'"
    ) from error


class StemCrops(Dataset[dict[str, torch.Tensor]]):  # type: ignore[misc]  # torch is not there for every checker
    """Random crops of a finished dataset: `mix` float32 [channels, frames], `sources` [sources, channels, frames].

    The sources begin together and sum to the mix. A crop depends on seed, epoch and number alone: any number of the
    loader's workers gives the same crops.

    Args:
        folder: of a finished dataset.
        settings: what crops hold.
        length: how many crops are an epoch.

    Raises:
        DatasetError: the folder is no finished dataset, or none of its songs has the sources.
    """

    def __init__(self, folder: str | Path, settings: CropSettings, *, length: int) -> None:
        self.library = CropLibrary(Path(folder), settings)
        self._length = length
        # In memory that the loader's workers share, so that also those that live on from epoch to epoch see it change.
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()

    @property
    def sources(self) -> list[str]:
        """Names of the sources, in their order in a crop."""
        return self.library.settings.names

    def set_epoch(self, epoch: int) -> None:
        """Have other crops drawn from now on; call it before each pass of a loader."""
        self._epoch.fill_(epoch)

    def __len__(self) -> int:
        """Return how many crops are an epoch."""
        return self._length

    def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
        """Return a crop.

        Raises:
            IndexError: there are not so many in an epoch.
            DatasetError: a file is missing or damaged.
        """
        if not 0 <= number < self._length:
            raise IndexError(f"crop {number} of {self._length}")
        crop = self.library.crop(number, int(self._epoch))
        return {"mix": torch.from_numpy(crop.mix), "sources": torch.from_numpy(crop.sources)}
