"""The command line. Every option of the operator is a setting, made from the table in `settings`.

What takes long to import (kopf, the Kubernetes client) is imported by the command that needs it, so that asking for
help or shares stays quick.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import IO, Any, TypeVar
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import click

from entresol import settings
from entresol.cli import render

F = TypeVar("F", bound=Callable[..., Any])

_PATIENCE_SECONDS = 5.0
_VERDICTS = {True: "ok", False: "FAILED"}
_CLEAR = "\x1b[H\x1b[2J"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="entresol")
def main() -> None:
    """Share a Kubernetes cluster fairly, every decision explained."""


def _settings_options(command: F) -> F:
    for option in reversed(settings.options()):
        said = f"{option.description}  [{option.variable}{f'; default {option.default}' if option.default else ''}]"
        command = click.option(option.flag, option.name, hidden=option.hidden, help=said, metavar="TEXT")(command)
    return command


@main.command(context_settings={"show_default": False})
@_settings_options
def operator(**given: str | None) -> None:
    """Run the operator until it is told to stop."""
    try:
        told = settings.from_process(given)
    except settings.SettingsError as error:
        raise click.ClickException("\n  ".join(("the settings are wrong:", *error.problems))) from None
    from entresol.app import main as run  # noqa: PLC0415 - kopf takes a second to import

    sys.exit(run(told))


@main.command()
@click.option(
    "--operator", "address", default="http://127.0.0.1:8080", show_default=True, help="Where the operator is."
)
@click.option(
    "--token-file", "token", type=click.File(), help="File with a bearer token, or -, where access is reviewed."
)
@click.option("--watch", is_flag=True, help="Show it again and again until interrupted.")
@click.option("--every", default=1.0, show_default=True, type=click.FloatRange(0.1, 3600), help="Seconds between.")
@click.option("-o", "--output", type=click.Choice(("table", "json")), default="table", show_default=True)
def shares(address: str, *, token: IO[str] | None, watch: bool, every: float, output: str) -> None:
    """Show who holds how much of the cluster, what each is entitled to, and what waits."""
    headers = {"Authorization": f"Bearer {token.read().strip()}"} if token else {}
    while True:
        state = _state(address, headers)
        text = json.dumps(state, indent=2) + "\n" if output == "json" else render.shares(state)
        click.echo((_CLEAR if watch and sys.stdout.isatty() else "") + text, nl=False)
        if not watch:
            return
        time.sleep(every)


def _namespaced(_: click.Context, parameter: click.Parameter, value: str) -> tuple[str, str]:
    namespace, slash, name = value.partition("/")
    if not (namespace and slash and name) or "/" in name:
        raise click.BadParameter("must be NAMESPACE/NAME", param=parameter)
    return namespace, name


@main.command()
@click.option("--kubeconfig", help="Kubeconfig file; in a pod its service account, otherwise kubectl's default.")
@click.option("--context", help="Context of the kubeconfig.")
@click.option("--lease", default="entresol-system/entresol", show_default=True, callback=_namespaced, help="The Lease.")
@click.option("--service", default="entresol-system/entresol", show_default=True, callback=_namespaced, help="Service.")
@click.option("--replicas", default=1, show_default=True, type=click.IntRange(1), help="How many must be ready.")
@click.option("--run-task", is_flag=True, help="Also run a Task to its end, and delete it.")
@click.option("--namespace", default="default", show_default=True, help="Namespace of that Task.")
@click.option("--image", help="Image of that Task; COMMAND is what it runs.")
@click.option("--role", default="", help="FrameworkRole whose share it uses; that of the namespace by default.")
@click.option("--timeout", default=120.0, show_default=True, type=click.FloatRange(0), help="Seconds for each check.")
@click.argument("command", nargs=-1)
def doctor(*, kubeconfig: str | None, context: str | None, run_task: bool, **given: Any) -> None:
    """See whether an installation works; the exit code tells."""
    if run_task and not given["image"]:
        raise click.UsageError("--run-task must come with --image")
    try:
        told = settings.from_process({"kubeconfig": kubeconfig, "context": context})
        good = _examine(told, run_task=run_task, **given)
    except ValueError as error:  # of settings, or of a connection that cannot be had
        raise click.ClickException(str(error)) from None
    sys.exit(0 if good else 1)


def _examine(told: settings.Settings, *, run_task: bool, **given: Any) -> bool:
    from entresol.app import connect  # noqa: PLC0415 - kopf takes a second to import
    from entresol.cli import doctor as checks  # noqa: PLC0415 - and so does aiohttp

    trial = checks.Trial(given["namespace"], given["image"], given["command"], given["role"]) if run_task else None
    plan = checks.Plan(given["lease"], given["service"], given["replicas"], given["timeout"], trial)
    return checks.run(connect(told), plan, lambda found: click.echo(f"{_VERDICTS[found.ok]:6} {found.text}"))


def _state(address: str, headers: dict[str, str]) -> Any:
    if not address.startswith(("http://", "https://")):
        raise click.BadParameter("must begin with http:// or https://", param_hint="--operator")
    try:
        # No proxy: the operator listens on this machine, or behind a port-forward on it.
        asked = Request(f"{address.rstrip('/')}/state", headers=headers)  # noqa: S310 - its scheme was looked at above
        with build_opener(ProxyHandler({})).open(asked, timeout=_PATIENCE_SECONDS) as answer:
            return json.load(answer)
    except HTTPError as error:
        said = error.read(500).decode(errors="replace").strip()
        raise click.ClickException(f"the operator at {address} answers {error.code}: {said}") from None
    except (OSError, ValueError) as error:
        raise click.ClickException(f"the operator at {address} must be running and reachable: {error}") from None
