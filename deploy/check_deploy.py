"""Check everything that deploys the farm, each kind of file by its own validator: `python deploy/check_deploy.py`.

A check that cannot run here is printed as such. In continuous integration one that could be installed and is not fails.
"""

from __future__ import annotations

import os
import plistlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from xml.parsers.expat import ExpatError

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent))
import check_chart
import check_metrics
from checking import SECRET, AbsentError

ROOT: Final = Path(__file__).resolve().parents[1]
DEPLOY: Final = ROOT / "deploy"
#: Keys of a launchd job that are used here, and the types that launchd.plist(5) gives them.
LAUNCHD_KEYS: Final[dict[str, type]] = {
    "Label": str, "ProgramArguments": list, "UserName": str, "WorkingDirectory": str, "RunAtLoad": bool,
    "KeepAlive": bool, "ThrottleInterval": int, "ExitTimeOut": int, "ProcessType": str, "SoftResourceLimits": dict,
    "StandardOutPath": str, "StandardErrorPath": str,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Check:
    """One validator over one kind of file.

    Args:
        name: kind of file, and the validator.
        run: returns what is wrong, line by line; raises AbsentError.
        required: whether a machine that lacks the validator fails in continuous integration.
    """

    name: str
    run: Callable[[], list[str]]
    required: bool = True


def main() -> int:
    """Run every check, print a line for each, and return 1 when something is wrong or missing where it must not be."""
    strict = os.environ.get("CI", "").lower() not in ("", "0", "false")
    faults = 0
    for check in checks():
        try:
            problems = check.run()
        except AbsentError as error:
            failed = strict and check.required
            print(f"{'MISSING' if failed else 'NOT RUN'}  {check.name}: {error}")
            faults += failed
            continue
        print(f"{'FAILED' if problems else 'ok':7}  {check.name}")
        for problem in problems:
            print(f"         {problem}")
        faults += bool(problems)
    return 1 if faults else 0


def checks() -> list[Check]:
    """Return every check; those that only some systems have are not required."""
    linux = sys.platform.startswith("linux")
    return [
        Check("YAML files (yamllint)", yaml_files),
        Check("docker-compose.yml (schema of the Compose specification)", compose_schema),
        Check("docker-compose.yml (ports and secrets)", compose_rules),
        Check("docker-compose.yml (docker compose config)", compose_config, required=False),
        Check("Dockerfile (hadolint)", dockerfile),
        Check("shell scripts (shellcheck)", shell_scripts),
        Check("systemd units (systemd-analyze verify)", units, required=linux),
        Check("launchd jobs (property lists, keys of launchd.plist)", jobs),
        Check("launchd jobs (plutil)", plutil, required=sys.platform == "darwin"),
        Check("Helm chart (helm lint and template, in the Helm SDK)", check_chart.lint),
        Check("Helm chart (schemas of Kubernetes)", check_chart.manifests),
        Check("Prometheus rules and dashboard (PromQL, names of the metrics)", check_metrics.expressions),
        Check("Prometheus (promtool)", promtool, required=False),
        Check("dashboard (as its script writes it, panels, data source)", check_metrics.dashboard),
    ]


def yaml_files() -> list[str]:
    """Lint every YAML file but the chart's templates."""
    return tool("yamllint", "--strict", "--format", "parsable", ".")


def compose_schema() -> list[str]:
    """Check docker-compose.yml against the schema that check-jsonschema carries."""
    return tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml")


def compose_config() -> list[str]:
    """Let Docker Compose read the file, with made-up passwords."""
    probe = (
        subprocess.run(["docker", "compose", "version"], check=False, capture_output=True) if found("docker") else None
    )
    if probe is None or probe.returncode != 0:
        raise AbsentError("docker with its compose plug-in is not here")
    names = set(re.findall(r"\$\{([A-Z_]+):\?", (ROOT / "docker-compose.yml").read_text(encoding="utf-8")))
    environment = {**os.environ, **dict.fromkeys(names, "made-up")}
    return run(["docker", "compose", "config", "--quiet"], environment=environment)


def compose_rules() -> list[str]:
    """Nothing is published to other machines by itself, and no secret stands in the file or on a command line."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    return [problem for name, service in services.items() for problem in service_problems(name, service)]


def service_problems(name: str, service: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with one service of docker-compose.yml."""
    for port in service.get("ports", []):
        if not str(port).startswith(("127.0.0.1:", "${PUBLISH_ADDRESS:-127.0.0.1}:")):
            yield f"{name}: port {port} is published to every network"
    for key, value in service.get("environment", {}).items():
        if SECRET.search(key) and "${" not in str(value):
            yield f"{name}: {key} has its secret in the file"
        if SECRET.search(key) and not re.search(r"\$\{[A-Z_]+:\?", str(value)):
            yield f"{name}: {key} may be empty; use ${{NAME:?what to do}}"
    spoken = [*service.get("command", []), *service.get("entrypoint", []), str(service.get("healthcheck", ""))]
    for word in spoken:
        if "${" in word and SECRET.search(word):
            yield f"{name}: a secret on a command line, which every process can read"


def dockerfile() -> list[str]:
    """Lint the Dockerfile."""
    return tool("hadolint", "--no-color", "deploy/docker/Dockerfile")


def shell_scripts() -> list[str]:
    """Lint every script that begins with a shell's name."""
    folders = (DEPLOY, DEPLOY / "redis", ROOT / ".ci")
    files = [path for folder in folders for path in sorted(folder.iterdir()) if path.is_file()]
    shells = [path for path in files if re.match(rb"#!(/usr)?/bin/(env )?(ba)?sh\b", path.read_bytes()[:40])]
    return tool("shellcheck", "--format", "gcc", *(str(path.relative_to(ROOT)) for path in shells))


def units() -> list[str]:
    """Let systemd read the units; programs and users that the installation brings are replaced by ones that are here."""
    if not found("systemd-analyze"):
        raise AbsentError("systemd-analyze is not here; on Debian and Ubuntu it comes with systemd")
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        for unit in sorted((DEPLOY / "systemd").glob("*.service")):
            text = unit.read_text(encoding="utf-8").replace("/opt/stemfarm/venv/bin/farm", "/usr/bin/env")
            text = re.sub(r"^(User|Group)=farm$", r"\1=root", text, flags=re.MULTILINE)
            (Path(folder) / unit.name).write_text(text, encoding="utf-8")
            # Unknown keys and sections are warnings to it: whatever it says is a fault here.
            problems += run(["systemd-analyze", "verify", "--man=no", str(Path(folder) / unit.name)], quiet=True)
    return problems


def jobs() -> list[str]:
    """Parse the property lists and compare their keys and types with launchd's."""
    return [problem for path in sorted((DEPLOY / "launchd").glob("*.plist")) for problem in job_problems(path)]


def job_problems(path: Path) -> Iterator[str]:
    """Yield what is wrong with one property list."""
    try:
        job = plistlib.loads(path.read_bytes())
    except (plistlib.InvalidFileException, ExpatError, ValueError) as error:
        yield f"{path.name}: {error}"
        return
    for key, value in job.items():
        if type(value) is not LAUNCHD_KEYS.get(key):
            yield f"{path.name}: {key} is no key of launchd that is used here, or {type(value).__name__} is not its type"
    if job.get("Label") != path.stem:
        yield f"{path.name}: the label must be {path.stem}"
    words = job.get("ProgramArguments", [])
    if not words or not all(isinstance(word, str) for word in words) or not words[0].startswith("/"):
        yield f"{path.name}: ProgramArguments must be texts and begin with an absolute path"
    if any(SECRET.search(str(word)) for word in words) or "EnvironmentVariables" in job:
        yield f"{path.name}: settings belong into the environment file, which only its owner reads"


def plutil() -> list[str]:
    """Let macOS read the property lists."""
    if not found("plutil"):
        raise AbsentError("plutil is on macOS only")
    return tool("plutil", "-lint", "-s", *(str(path) for path in sorted((DEPLOY / "launchd").glob("*.plist"))))


def promtool() -> list[str]:
    """Let Prometheus's own tool read its configuration and rules, and try the alerts on made-up numbers."""
    if not found("promtool"):
        raise AbsentError("promtool is not here; it comes with Prometheus")
    folder = DEPLOY / "prometheus"
    quiet = run(["promtool", "check", "config", str(folder / "prometheus.yml")])
    return quiet or run(["promtool", "test", "rules", str(folder / "rules.test.yml")])


def tool(name: str, *arguments: str) -> list[str]:
    """Run a program of this environment, or of the system, in the checkout; returns what it complains of."""
    path = found(name)
    if path is None:
        raise AbsentError(f"{name} is not installed; `make lint` installs it")
    return run([path, *arguments])


def found(name: str) -> str | None:
    """Return the path of a program beside this Python, else on the PATH."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else shutil.which(name)


def run(command: list[str], *, environment: Mapping[str, str] | None = None, quiet: bool = False) -> list[str]:
    """Run a command; returns its output when it fails, or with `quiet` also when it says anything at all."""
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL
    )
    said = (done.stdout + done.stderr).strip().splitlines()
    if done.returncode == 0 and not (quiet and said):
        return []
    return said or [f"{Path(command[0]).name} ended with {done.returncode}"]


if __name__ == "__main__":
    sys.exit(main())
