"""The command line: `batchlab demo`, `lab`, `serve` and `simulate`.

Fast to start: Dask and the rest are imported only by the commands that need them.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer
from rich.console import Console

import batchlab
from batchlab.errors import BatchError
from batchlab.extras import install_command

if TYPE_CHECKING:
    from batchlab.azure.cloud import Cloud
    from batchlab.lab import BaseLab
    from batchlab.rest.endpoint import Endpoint

__all__ = ["app", "main"]

INTERRUPTED = 130
"""The exit code that shells expect after Ctrl-C."""
EXTRA = {"allow_extra_args": True, "ignore_unknown_options": True}

# Where a lab runs.
Scheduler = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="Use this Dask scheduler (tcp://...) and its workers."),
]
Processes = Annotated[
    bool, typer.Option("--processes", help="Run each node in a separate process.")
]
Simulated = Annotated[
    bool, typer.Option("--simulated", help="Simulate everything on a virtual clock.")
]

app = typer.Typer(
    help="Azure Batch, in your notebook.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command line."""
    app(prog_name="batchlab")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"batchlab {batchlab.__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


@app.command()
def demo(
    nodes: Annotated[int, typer.Option(min=1, max=1000, help="Number of nodes in the pool.")] = 2,
    tasks: Annotated[
        int, typer.Option(min=1, max=100_000, help="Number of tasks in the job.")
    ] = 8,
    processes: Processes = False,
    scheduler: Scheduler = None,
    simulated: Simulated = False,
    yes: Annotated[bool, typer.Option("--yes", help="Answer yes to every question.")] = False,
) -> None:
    """Run the job preparation and release sample.

    A job's preparation task writes the node's id to a file on the node, each task appends its own
    id, and the release task deletes the file when the job ends.
    """
    _choose_one(scheduler, processes=processes, simulated=simulated)
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)

    def confirm(question: str) -> bool:
        return _confirm(console, question, yes)

    from batchlab.demo import Demo  # noqa: PLC0415

    try:
        with (
            _remembered_interrupt() as check,
            _lab(scheduler, processes=processes, simulated=simulated) as lab,
        ):
            showing = Demo(lab, console, confirm, check)
            try:
                good = showing.run(nodes, tasks)
            except (BatchError, KeyboardInterrupt):
                showing.clean_up()
                raise
    except BatchError as error:
        _fail(str(error))
    except KeyboardInterrupt:
        console.print("Interrupted: the job and the pool of this demo are being deleted.")
        raise typer.Exit(INTERRUPTED) from None
    if good:
        console.print("Sample complete.")
    else:
        _fail("a task of the sample failed (see above)")


@app.command(context_settings={"allow_extra_args": True})
def serve(
    context: typer.Context,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 means any free port.")] = 0,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    scheduler: Scheduler = None,
    processes: Processes = False,
    simulated: Simulated = False,
    speed: Annotated[
        float, typer.Option(help="How many times faster than the wall clock the lab runs.")
    ] = 1.0,
    boot: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="How long a simulated node takes to start."),
    ] = None,
    account: Annotated[str | None, typer.Option(metavar="NAME", help="Account name.")] = None,
    key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY", envvar="BATCHLAB_KEY",
            help="Account key in base64; random if omitted.",
        ),
    ] = None,
    storage: Annotated[
        str | None, typer.Option(metavar="URL", help="Where to store data: a folder or a URL.")
    ] = None,
    journal: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER",
            help="Keep the lab in this folder: served again, it goes on where it was. With "
            "--scheduler, a folder on its machine. FILE.jsonl only records it, for ReplayedLab.",
        ),
    ] = None,
    durability: Annotated[
        str | None,
        typer.Option(metavar="flush|fsync", help="Whether the journal survives a power cut."),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Begin a new lab; move the one in the journal aside.")
    ] = False,
    cert: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Serve HTTPS with this certificate, in PEM."),
    ] = None,
    cert_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The private key, if in a separate file.")
    ] = None,
    bearer: Annotated[
        bool, typer.Option("--bearer", help="Accept any bearer token; for development only.")
    ] = False,
    isolate_users: Annotated[
        bool,
        typer.Option("--isolate-users", help="Run tasks as users of their own; requires root."),
    ] = False,
    containers: Annotated[
        str | None,
        typer.Option(
            metavar="auto|podman|docker", help="What runs tasks with container settings."
        ),
    ] = None,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="Trust a proxy's X-Forwarded-* headers.")
    ] = False,
    allow_elevated: Annotated[
        bool,
        typer.Option("--allow-elevated", help="As root: let start tasks change this machine."),
    ] = False,
    azure: Annotated[
        bool,
        typer.Option(
            "--azure",
            help="Serve Azure's host names, tokens, management and blobs as well; -- COMMAND "
            "runs a command that is led there, and ends with it.",
        ),
    ] = False,
    env: Annotated[
        bool,
        typer.Option("--env", help="With --azure: print the variables of the lab being served."),
    ] = False,
    shell: Annotated[
        str | None, typer.Option(metavar="bash|fish|powershell", help="For which shell.")
    ] = None,
) -> None:  # fmt: skip
    """Serve the Azure Batch REST API, for the azure-batch SDKs and `az batch`, until Ctrl-C.

    Anyone who has the key can run commands on this machine.
    """
    command = context.args
    if (env or shell or command) and not azure:
        raise typer.BadParameter("--env, --shell and a command require --azure")
    if env:
        _print_variables(port, shell)
        return
    _choose_one(scheduler, processes=processes, simulated=simulated)
    if isolate_users and simulated:
        raise typer.BadParameter("--isolate-users has no meaning with --simulated: no task runs")
    if containers and simulated:
        raise typer.BadParameter("--containers has no meaning with --simulated: no task runs")
    if boot is not None and not simulated:
        raise typer.BadParameter(
            "--boot requires --simulated: a real node starts as fast as it can"
        )
    common: dict[str, Any] = {
        "account": account, "storage": storage, "journal": journal, "durability": durability,
        "fresh": fresh or None,
    }  # fmt: skip
    real: dict[str, Any] = {
        "speed": speed, "isolate_users": isolate_users or None, "containers": containers,
    }  # fmt: skip
    own: dict[str, Any] = {
        "host": host, "bearer": bearer, "cert": cert, "cert_key": cert_key,
        "behind_proxy": behind_proxy,
    }  # fmt: skip
    code = 0
    try:
        with (
            _remembered_interrupt() as check,
            _terminated_as_interrupted(),
            _cloud(account, key, port, own) if azure else nullcontext() as cloud,
        ):
            if not simulated:
                typer.echo(_runners(scheduler, isolated=isolate_users), err=bool(command))
            as_root = not (simulated or scheduler or os.geteuid())
            elevated = allow_elevated or not as_root or _confirmed_elevation()
            if simulated:
                lab: BaseLab = batchlab.SimulatedLab(boot=boot or "90s", **common)
            elif scheduler:
                lab = batchlab.Lab(scheduler, **real, **common)
            else:
                lab = batchlab.Lab(processes=processes, **real, **common)
            with lab, lab.serve(
                port=port, key=key, speed=speed, allow_elevated=elevated, azure=cloud or False,
                **own,
            ) as endpoint:  # fmt: skip
                if command:
                    from batchlab.azure.running import run  # noqa: PLC0415

                    code = run(command, endpoint.environment, check)
                else:
                    _serve_until_interrupted(endpoint, cloud, shell, key is None, check)
    except BatchError as error:
        _fail(str(error))
    except KeyboardInterrupt:
        typer.echo("Stopped.", err=bool(command))
        code = INTERRUPTED if command else 0
    raise typer.Exit(code)


def _serve_until_interrupted(
    endpoint: Endpoint, cloud: Cloud | None, shell: str | None, shows_key: bool,
    check: Callable[[], None],
) -> None:  # fmt: skip
    remembers: Any = nullcontext()
    if cloud is None:
        _announce(endpoint, shows_key=shows_key)
    else:
        from batchlab.azure.running import remembered  # noqa: PLC0415

        _announce_cloud(cloud, shell)
        remembers = remembered(cloud.variables)
    with remembers:
        typer.echo("\nPress Ctrl-C to stop.")
        while True:
            time.sleep(0.2)
            check()


@contextmanager
def _cloud(
    account: str | None, key: str | None, port: int, other: dict[str, Any]
) -> Iterator[Cloud]:
    """Azure's names on this machine, with the variables that lead nodes there."""
    from batchlab.azure.cloud import open_cloud  # noqa: PLC0415
    from batchlab.lab import account_name  # noqa: PLC0415

    cloud = open_cloud(True, account_name("serve", account), key, port, other)
    before = dict(os.environ)
    os.environ.update(cloud.node_variables)
    try:
        yield cloud
    finally:
        os.environ.clear()
        os.environ.update(before)
        cloud.close()


def _print_variables(port: int, shell: str | None) -> None:
    from batchlab.azure.running import latest  # noqa: PLC0415
    from batchlab.azure.variables import own_shell, written  # noqa: PLC0415

    try:
        variables = latest(port)
        if variables is None:
            where = f" on port {port}" if port else ""
            _fail(f"no lab is served with --azure{where}: start one in another terminal")
        typer.echo(written(variables, shell or own_shell()))
    except BatchError as error:
        _fail(str(error))


def _announce_cloud(cloud: Cloud, shell: str | None) -> None:
    from batchlab.azure.variables import SHELLS, written  # noqa: PLC0415

    typer.echo(f"\nEndpoint: {cloud.url}")
    typer.echo(f"Account:  {cloud.account.name}")
    typer.echo(f"Proxy:    {cloud.proxy}")
    blobs = f"https://{cloud.account.blob_host}" if cloud.has_storage else (
        "none, because Azurite is not installed: npm install -g azurite")  # fmt: skip
    typer.echo(f"Blobs:    {blobs}")
    for name in (shell,) if shell else SHELLS:
        typer.echo(f"\n{name}:\n\n{written(cloud.variables, name)}")
    typer.echo('\nIn another terminal: eval "$(batchlab serve --azure --env)"')


def _confirmed_elevation() -> bool:
    """Whether someone at the terminal lets start tasks change this machine."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    question = "May elevated start tasks of clients change this machine, as root?"
    return typer.confirm(question, default=False)


def _runners(scheduler: str | None, *, isolated: bool) -> str:
    """As which user tasks run, and a warning if that is root."""
    if isolated:
        return "Tasks run as users of their own; elevated ones as root."
    if scheduler:
        return "Tasks run as the user of the worker they run on."
    import pwd  # noqa: PLC0415 - not on Windows

    number = os.geteuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:  # a container may have numbers only
        name = str(number)
    if number:
        return f"Tasks run as the user {name}."
    return (
        f"Warning: tasks run as the user {name}. Anyone with the key can do anything on this "
        "machine.\nServe the lab as another user, or with --isolate-users. For clients that "
        "install programs, use --simulated\nor run batchlab in a container."
    )


def _announce(endpoint: Endpoint, *, shows_key: bool) -> None:
    titles = {"python": "Python", "az": "az", "javascript": "JavaScript"}
    typer.echo(f"\nEndpoint: {endpoint.url}")
    typer.echo(f"Account:  {endpoint.account}")
    typer.echo(f"Key:      {endpoint.key if shows_key else '(as given)'}")
    for name, snippet in endpoint.snippets.items():
        typer.echo(f"\n{titles[name]}:\n\n{snippet}")


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Treat SIGTERM, which stops background services, like Ctrl-C."""

    def press(number: int, frame: object) -> None:
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGTERM, press)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _choose_one(scheduler: str | None, *, processes: bool, simulated: bool) -> None:
    if (simulated and (processes or scheduler)) or (processes and scheduler):
        raise typer.BadParameter("choose one of --processes, --scheduler and --simulated")


def _lab(scheduler: str | None, *, processes: bool, simulated: bool) -> BaseLab:
    if simulated:
        return batchlab.SimulatedLab()
    return batchlab.Lab(scheduler) if scheduler else batchlab.Lab(processes=processes)


@contextmanager
def _remembered_interrupt() -> Iterator[Callable[[], None]]:
    """Raise on Ctrl-C, and again at the next `check` if that was lost.

    Dask hooks into the garbage collector, and Python drops what is raised in such a hook, after
    it has printed it with its traceback; this is not printed.
    """
    pressed = threading.Event()

    def press(number: int, frame: object) -> None:
        pressed.set()
        raise KeyboardInterrupt

    def check() -> None:
        if pressed.is_set():
            raise KeyboardInterrupt

    def dropped(what: sys.UnraisableHookArgs) -> None:
        if not issubclass(what.exc_type, KeyboardInterrupt):
            others(what)

    before = signal.signal(signal.SIGINT, press)
    others, sys.unraisablehook = sys.unraisablehook, dropped
    try:
        yield check
    finally:
        sys.unraisablehook = others
        signal.signal(signal.SIGINT, before)


def _confirm(console: Console, question: str, yes: bool) -> bool:
    console.print(f"{question} [yes] no ", end="")
    if yes or not (sys.stdin.isatty() and sys.stdout.isatty()):
        console.print("yes")
        return True
    try:
        return not input().strip().lower().startswith("n")
    except EOFError:
        console.print("yes")
        return True


def _fail(message: str) -> NoReturn:
    typer.echo(f"batchlab: {message}", err=True)
    raise typer.Exit(1)


@app.command(context_settings=EXTRA)
def lab(
    context: typer.Context,
    folder: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Work in a copy here. Without a checkout the default is ./batchlab-notebooks.",
        ),
    ] = None,
    only_list: Annotated[bool, typer.Option("--list", help="Only list the lessons.")] = False,
) -> None:
    """Open the lessons in JupyterLab.

    Lessons that you have changed are never overwritten. Other arguments are passed to
    `jupyter lab`, such as --port 9000 or --no-browser.
    """
    from batchlab.lessons import notebooks  # noqa: PLC0415

    try:
        source, own = notebooks.lessons_folder()
        if only_list:
            for name, title in notebooks.titles(source):
                typer.echo(f"{name[:2]}  {title}")
            return
        if importlib.util.find_spec("jupyterlab") is None:
            _fail(f"The lessons need JupyterLab: {install_command('notebook')}")
        place = source
        if folder is not None or not own:
            place = (folder or Path("batchlab-notebooks")).absolute()
            kept = notebooks.copy_lessons(source, place).kept
            if kept:
                typer.echo(
                    f"Kept your changed version although a newer one exists: {', '.join(kept)}"
                )
    except BatchError as error:
        _fail(error.message)
    lesson = place / min(path.name for path in source.glob("*.ipynb"))
    typer.echo(f"Lessons: {place}")
    command = [sys.executable, "-m", "jupyterlab", *context.args, str(lesson)]
    with subprocess.Popen(command) as jupyter:
        while True:
            try:
                raise typer.Exit(jupyter.wait())
            except KeyboardInterrupt:
                continue  # JupyterLab received it too, and asks for confirmation


Pattern = Literal["constant", "office-hours", "bursts"]


@app.command()
def simulate(
    formula: Annotated[
        list[str],
        typer.Argument(
            help="Files with a formula, '-' for stdin, or names from batchlab.formulas."
        ),
    ],
    arrivals: Annotated[Pattern, typer.Option(help="When tasks arrive.")] = "office-hours",
    journal: Annotated[
        Path | None, typer.Option(help="Take the tasks from the journal of a lab instead.")
    ] = None,
    tasks: Annotated[
        int, typer.Option(min=0, max=1_000_000, help="Tasks per hour, or per burst.")
    ] = 120,
    task: Annotated[
        str, typer.Option(metavar="DURATION", help="How long each task takes.")
    ] = "5m",
    every: Annotated[str, typer.Option(metavar="DURATION", help="Time between bursts.")] = "4h",
    vm_size: Annotated[str, typer.Option(metavar="SIZE", help="Size of the nodes.")] = "small",
    slots: Annotated[int, typer.Option(min=1, help="Task slots per node.")] = 1,
    interval: Annotated[
        str, typer.Option(metavar="DURATION", help="Time between evaluations.")
    ] = "15m",
    boot: Annotated[
        str, typer.Option(metavar="DURATION", help="How long a node takes to start.")
    ] = "90s",
    days: Annotated[float, typer.Option(help="How many days to simulate.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Random seed; equal seeds give equal results.")] = 0,
    figure: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a figure (HTML) to this file.")
    ] = None,
) -> None:
    """Simulate days of a pool with autoscale; compare several formulas."""
    load = {
        "constant": lambda: batchlab.Arrivals.constant(tasks, task=task),
        "office-hours": lambda: batchlab.Arrivals.office_hours(tasks, task=task),
        "bursts": lambda: batchlab.Arrivals.bursts(tasks, every=every, task=task),
    }
    try:
        pattern = batchlab.Arrivals.recorded(journal) if journal else load[arrivals]()
        result = batchlab.compare(
            {name: _formula(name) for name in formula}, pattern, vm_size=vm_size,
            task_slots_per_node=slots, auto_scale_evaluation_interval=interval, boot=boot,
            days=days, seed=seed,
        )  # fmt: skip
        one = next(iter(result.values()))
        typer.echo(repr(one if len(result) == 1 else result))
        if figure is not None:
            drawn = (one if len(result) == 1 else result).figure()
            figure.write_text(drawn.to_html(include_plotlyjs=True), encoding="utf-8")
    except (BatchError, OSError) as error:
        _fail(str(error))


def _formula(name: str) -> batchlab.Formula | str:
    """The formula of a file, of stdin, or of the library."""
    if name == "-":
        return sys.stdin.read()
    known = name.replace("-", "_")
    if known in batchlab.formulas.__all__ and not Path(name).exists():
        formula: batchlab.Formula = getattr(batchlab.formulas, known)()
        return formula
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        names = ", ".join(batchlab.formulas.__all__)
        why = getattr(error, "strerror", None) or "not a text file"
        _fail(f"{name} is neither a readable file ({why}) nor one of: {names}")
