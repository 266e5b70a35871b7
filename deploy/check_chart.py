"""Check the Helm chart with Helm's own code: lint, render with several sets of values, compare with Kubernetes' schemas.

The package helm-python-sdk carries Helm's Go SDK as a library, so that neither the `helm` program nor a cluster is needed.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import yaml
from checking import SECRET, AbsentError

CHART: Final = Path(__file__).resolve().parent / "helm" / "stemfarm"
#: Sets of values that together use every template and every branch.
VALUES: Final[dict[str, dict[str, Any]]] = {
    "as it comes": {},
    "own servers": {
        "redis": {"enabled": False},
        "postgres": {"enabled": False},
        "secrets": {"existingSecret": "mine"},
        "shared": {"existingClaim": "mine"},
        "networkPolicy": {"enabled": False},
        "metrics": {"dashboard": False, "annotations": False},
        "flower": {"enabled": False},
    },
    "everything": {
        "metrics": {"operator": True},
        "imagePullSecrets": [{"name": "registry"}],
        "extraEnv": {"FARM_BATCH": 32},
        "shared": {"storageClass": "nfs"},
        "redis": {"storageClass": "ssd"},
        "postgres": {"storageClass": "ssd"},
        "worker": {
            "nodeSelector": {"disk": "fast"},
            "tolerations": [{"key": "render", "operator": "Exists"}],
            "affinity": {"podAntiAffinity": {}},
        },
    },
}
#: Values that must be refused, and a word of the answer.
REFUSED: Final[list[tuple[dict[str, Any], str]]] = [
    ({"worker": {"slots": 0}}, "slots"),
    ({"wroker": {}}, "wroker"),
    ({"redis": {"enabled": False}}, "existingSecret"),
]
#: Kinds that an operator brings; Kubernetes itself has no schema for them.
OPERATORS: Final = frozenset({"ServiceMonitor", "PrometheusRule"})


@contextmanager
def whole_chart() -> Iterator[Path]:
    """Give a copy of the chart in which files stand for its symbolic links: Helm follows those, but with many words."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(shutil.copytree(CHART, Path(folder) / CHART.name))


def render(values: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the objects that the chart makes of these values, as a release named `farm`."""
    with whole_chart() as folder, _helm().Chart.load(folder) as chart:
        chart.validate_schema(chart.merge_values(values))
        files = chart.render(values, name="farm", namespace="music")
    texts = [text for name, text in sorted(files.items()) if name.endswith(".yaml")]
    return [item for text in texts for item in yaml.safe_load_all(text) if item]


def lint() -> list[str]:
    """Return what `helm lint --strict` says, and what cannot be rendered or is rendered though it must not be."""
    helm = _helm()
    problems = []
    for title, values in VALUES.items():
        with whole_chart() as folder:
            report = helm.lint(folder, values, strict=True, quiet=True)
        problems += [f"{title}: {message['path']}: {message['error']}" for message in report["messages"]]
        problems += [f"{title}: {error}" for error in report["errors"]]
        problems += _render_problems(title, values)
    for values, word in REFUSED:
        try:
            render(values)
        except helm.HelmError as error:
            if word not in str(error):
                problems.append(f"{values} is refused without naming {word}: {error}")
        else:
            problems.append(f"{values} must be refused, and is not")
    return problems


def _render_problems(title: str, values: dict[str, Any]) -> list[str]:
    try:
        items = render(values)
    except _helm().HelmError as error:
        return [f"{title}: {error}"]
    names = [(item["kind"], item["metadata"]["name"]) for item in items]
    problems = [f"{name} twice" for name in sorted({name for name in names if names.count(name) > 1})]
    problems += [problem for item in items for problem in secret_problems(item)]
    return [f"{title}: {problem}" for problem in problems]


def secret_problems(item: dict[str, Any]) -> Iterator[str]:
    """Yield the variables of an object that hold a secret by its value, and the services that are open to the world."""
    name = f"{item['kind']} {item['metadata']['name']}"
    for container in item.get("spec", {}).get("template", {}).get("spec", {}).get("containers", []):
        for variable in container.get("env", []):
            if SECRET.search(variable["name"]) and "valueFrom" not in variable:
                yield f"{name}: {variable['name']} is not taken from a Secret"
        if any(SECRET.search(str(word)) for word in [*container.get("command", []), *container.get("args", [])]):
            yield f"{name}: a secret on a command line"
    if item["kind"] == "Ingress" or item.get("spec", {}).get("type") in {"NodePort", "LoadBalancer"}:
        yield f"{name}: is open to other networks"


def manifests() -> list[str]:
    """Compare every rendered object with the strict schema of its kind."""
    program = Path(sys.executable).parent / "kubernetes-validate"
    if not program.exists():
        raise _absent("kubernetes-validate")
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        for number, (title, values) in enumerate(VALUES.items()):
            items = [item for item in render(values) if item["kind"] not in OPERATORS]
            path = Path(folder) / f"{number}.yaml"
            path.write_text(yaml.safe_dump_all(items), encoding="utf-8")
            command = [str(program), "--strict", "--quiet", str(path)]
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            said = (done.stdout + done.stderr).splitlines()
            problems += [f"{title}: {line}" for line in said] if done.returncode else []
    return problems


def _helm() -> Any:
    if importlib.util.find_spec("helm_python") is None:
        raise _absent("helm-python-sdk")
    import helm_python

    helm_python.disable_logging()
    return helm_python


def _absent(package: str) -> AbsentError:
    return AbsentError(f"{package} is not installed; `make lint` installs it where there is a wheel")
