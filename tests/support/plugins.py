"""What tests with DawDreamer and real plug-ins need; nothing of either is imported into the process of the tests."""

from __future__ import annotations

import sys
from ctypes.util import find_library
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

from farm.planning.patchfiles import load_patch, patch_names
from schemas.errors import AssetError, MissingDependencyError
from schemas.patch import Patch
from workers.engines.patchprobe import probe_patches

#: DawDreamer may crash whoever imports it, so that only its package is looked for, and the library of the system without
#: which it does not load.
HAS_DAWDREAMER = find_spec("dawdreamer") is not None and (sys.platform != "linux" or find_library("GL") is not None)
needs_dawdreamer = pytest.mark.skipif(
    not HAS_DAWDREAMER,
    reason="DawDreamer does not work here: pip install 'stemfarm[plugins]', and libGL (apt install libgl1)",
)

#: Bundles and files that `deploy/install-plugins` brings.
_DEBIANS = ("/usr/lib/lv2/mda.lv2", "/usr/lib/lv2/Nekobi.lv2", "/usr/lib/vst/amsynth_vst.so")
needs_debians_plugins = pytest.mark.skipif(
    not all(Path(path).exists() for path in _DEBIANS),
    reason="the plug-ins of the farm's patch files are not installed: sudo sh deploy/install-plugins",
)


def own_patch(name: str) -> Patch:
    """Return one of the farm's own patches as it is on this machine; skips where what its engine needs is not installed."""
    return _own_patches(load_patch(name).engine)[name]


def own_names(engine: str) -> list[str]:
    """Return the names of the farm's own patches that an engine plays."""
    return [name for name in patch_names() if load_patch(name).engine == engine]


@cache
def _own_patches(engine: str) -> dict[str, Patch]:
    try:
        return probe_patches({name: load_patch(name) for name in own_names(engine)})
    except (AssetError, MissingDependencyError) as error:
        pytest.skip(str(error))
