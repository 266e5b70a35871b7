"""Make the virtual environment of a checkout and install pinned packages into it; needs no root and no pip.

Usage: python deploy/make_venv.py [--packages-only] VENV [EXTRA]. With --packages-only the checkout itself is left out:
an installation that must not point into a checkout adds it as a wheel. Standard library only, since it runs before
anything is installed.
Some systems (Debian, Ubuntu) split `ensurepip` from Python; there the environment is made without pip, and pip
itself comes from the system's pip, from virtualenv, or from the package index as one file of known hash.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import tomllib
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: The pip that is fetched where Python brings none, and its SHA-256.
PIP_WHEEL = "pip-25.3-py3-none-any.whl"
PIP_SHA256 = "9655943313a94722b7774661c21049070f6bbb0a1516bf02f7c8d5d9201514cd"
#: Environment variables that would make pip install somewhere else, or Python look elsewhere.
STRAY = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_REQUIRE_VIRTUALENV", "PYTHONHOME", "PYTHONPATH")


class SetupError(Exception):
    """A step of the set-up that failed; the text says what to do."""


def main() -> int:
    """Make the environment, install the packages of one extra, and return the exit code."""
    words = [word for word in sys.argv[1:] if word != "--packages-only"]
    venv, extra = Path(words[0]), (words[1] if len(words) > 1 else "")
    for name in STRAY:
        os.environ.pop(name, None)
    try:
        python = environment(venv)
        install_packages(python, extra)
        if "--packages-only" not in sys.argv:
            install_checkout(python)
    except SetupError as error:
        print(f"make: {error}", file=sys.stderr)
        return 1
    return 0


def environment(venv: Path) -> Path:
    """Return the Python of the environment, made first if it is absent or does not run any more."""
    python = venv / "bin" / "python"
    if works(python):
        return python
    shutil.rmtree(venv, ignore_errors=True)
    print(f"Making {venv} with Python {sys.version.split()[0]}", flush=True)
    for module, needs in (("venv", "ensurepip"), ("virtualenv", "virtualenv")):
        made = importlib.util.find_spec(needs) and run(sys.executable, "-m", module, str(venv), quiet=True)
        if made and works(python):
            return python
        shutil.rmtree(venv, ignore_errors=True)
    if not run(sys.executable, "-m", "venv", "--without-pip", str(venv)):
        raise SetupError(f"this Python cannot make a virtual environment. {apt_hint()}")
    bring_pip(python)
    return python


def works(python: Path) -> bool:
    """Whether an environment's Python runs, is new enough and has pip."""
    check = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    return python.exists() and run(str(python), "-c", check, quiet=True)


def bring_pip(python: Path) -> None:
    """Install pip into an environment that has none: by the system's pip, else from the index by its known hash."""
    if importlib.util.find_spec("pip") and run(
        sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "pip", quiet=True
    ):
        return
    with tempfile.TemporaryDirectory() as folder:
        wheel = Path(folder) / PIP_WHEEL
        wheel.write_bytes(fetch_pip())
        if not run(str(python), f"{wheel}/pip", "install", "-q", "--no-index", str(wheel)):
            raise SetupError(f"pip did not install into the virtual environment. {apt_hint()}")


def fetch_pip() -> bytes:
    """Return the bytes of `PIP_WHEEL` from the package index, checked against its SHA-256."""
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/") + "/pip/"
    try:
        page = fetch(index).decode()
        link = re.search(rf'href="([^"#]*{re.escape(PIP_WHEEL)})', page)
        if link is None:
            raise SetupError(f"{index} does not list {PIP_WHEEL}. {apt_hint()}")
        data = fetch(urllib.parse.urljoin(index, link.group(1)))
    except (OSError, ValueError) as error:
        raise SetupError(f"no pip here, and none could be fetched from {index} ({error}). {apt_hint()}") from error
    if hashlib.sha256(data).hexdigest() != PIP_SHA256:
        raise SetupError(f"what {index} sent is not {PIP_WHEEL}: its SHA-256 is another. {apt_hint()}")
    return data


def fetch(url: str) -> bytes:
    """Read a URL.

    A bare system may have no certificates to check the server with. Then it is read unchecked: what is kept of it,
    one wheel, must have the SHA-256 that is written above.
    """
    try:
        with urllib.request.urlopen(url, timeout=60) as reply:  # noqa: S310 - the index that the person's pip uses
            return bytes(reply.read())
    except urllib.error.URLError as error:
        if not isinstance(error.reason, ssl.SSLCertVerificationError):
            raise
    unchecked = ssl.create_default_context()
    unchecked.check_hostname = False
    unchecked.verify_mode = ssl.CERT_NONE
    with urllib.request.urlopen(url, timeout=60, context=unchecked) as reply:  # noqa: S310
        return bytes(reply.read())


def install_packages(python: Path, extra: str) -> None:
    """Install the run-time packages, those of `extra`, and what builds the checkout."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [*project["project"]["dependencies"], *project["build-system"]["requires"], "editables"]
    if extra:
        wanted += project["project"]["optional-dependencies"][extra]
    print(f"Installing the {extra or 'run-time'} packages into {python.parents[1]}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        needs = Path(folder) / "requirements.txt"
        needs.write_text("\n".join(wanted) + "\n", encoding="utf-8")
        if not run(*pip(python), "--prefer-binary", "-c", str(ROOT / "constraints.txt"), "-r", str(needs)):
            raise SetupError("the packages did not install; is the network up? Run the same command again to go on.")


def install_checkout(python: Path) -> None:
    """Install the checkout as an editable package.

    The build tools are in the environment already, pinned like the rest, so that nothing is fetched for the build.
    """
    if not run(*pip(python), "--no-deps", "--no-build-isolation", "-e", str(ROOT)):
        raise SetupError("the checkout itself did not install; the lines above say why.")


def pip(python: Path) -> list[str]:
    """Return the beginning of every installation."""
    return [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-warn-script-location"]


def apt_hint() -> str:
    """Say which package of the system completes its Python."""
    name = f"python3.{sys.version_info.minor}-venv"
    return f"On Debian or Ubuntu this completes it: sudo apt install python3-venv (or {name})"


def run(*command: str, quiet: bool = False) -> bool:
    """Run a command and return whether it succeeded."""
    sink = subprocess.DEVNULL if quiet else None
    return subprocess.run(command, check=False, stdout=sink, stderr=sink).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
