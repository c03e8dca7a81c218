"""`batchlab lab`."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from batchlab.cli.terminal import fail, writing
from batchlab.errors import BatchError
from batchlab.extras import install_command

__all__ = ["lab"]


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
    check: Annotated[
        bool, typer.Option("--check", help="Only check that this machine can run the lessons.")
    ] = False,
    progress: Annotated[
        bool, typer.Option("--progress", help="Only show which exercises you tried and solved.")
    ] = False,
    export: Annotated[
        str | None,
        typer.Option(
            metavar="csv|FILE.csv", help="Only write your progress, to stdout or a file."
        ),
    ] = None,
    reset: Annotated[
        str | None,
        typer.Option(
            metavar="LESSON",
            help="Only put a lesson, such as 03, back as it was, and forget your progress in it. "
            "Your version is kept under another name.",
        ),
    ] = None,
    notes: Annotated[
        str | None,
        typer.Option(metavar="LESSON", help="Only print a teacher's notes, with the solutions."),
    ] = None,
    slides: Annotated[
        str | None,
        typer.Option(metavar="LESSON", help="Only write a lesson's slides, to an HTML file."),
    ] = None,
    join: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="CODE URL",
            help="Join your teacher's class, who then sees at which exercise you are.",
        ),
    ] = None,
    name: Annotated[
        str, typer.Option(help="For --join: what to call you; by default a seat with a number.")
    ] = "",
) -> None:
    """Open the lessons in JupyterLab.

    Lessons that you have changed are never overwritten. Other arguments are passed to
    `jupyter lab`, such as --port 9000 or --no-browser.
    """
    from batchlab.lessons import notebooks  # noqa: PLC0415

    try:
        source, own = notebooks.lessons_folder()
        if only_list:
            for file, title in notebooks.titles(source):
                typer.echo(f"{file[:2]}  {title}")
            return
        copied = folder is not None or not own
        place = (folder or Path("batchlab-notebooks")).absolute() if copied else source
        if check:
            from batchlab.cli.preflight import preflight  # noqa: PLC0415

            raise typer.Exit(preflight(place))
        if notes is not None or slides is not None:
            _teach(source, notes, slides)
            return
        if progress or export is not None or reset is not None:
            _look_back(source, place, progress, export, reset)
            return
        if importlib.util.find_spec("jupyterlab") is None:
            fail(f"The lessons need JupyterLab: {install_command('notebook')}")
        if copied:
            kept = notebooks.copy_lessons(source, place).kept
            if kept:
                typer.echo(
                    f"Kept your changed version although a newer one exists: {', '.join(kept)}"
                )
        if join is not None:
            from batchlab.lessons.joining import join as join_class  # noqa: PLC0415

            typer.echo(join_class(*join, name, folder=place))
    except BatchError as error:
        fail(error.message)
    lesson = place / notebooks.lesson_files(source)[0].name
    typer.echo(f"Lessons: {place}")
    command = [sys.executable, "-m", "jupyterlab", *context.args, str(lesson)]
    with subprocess.Popen(command) as jupyter:
        while True:
            try:
                raise typer.Exit(jupyter.wait())
            except KeyboardInterrupt:
                continue  # JupyterLab received it too, and asks for confirmation


def _teach(source: Path, notes: str | None, slides: str | None) -> None:
    from batchlab.lessons.notebooks import find_lesson  # noqa: PLC0415

    if notes is not None:
        from batchlab.lessons.teaching import teaching_guide  # noqa: PLC0415

        typer.echo(teaching_guide(find_lesson(source, notes)), nl=False)
    if slides is not None:
        from batchlab.lessons.slides import write_slides  # noqa: PLC0415

        lesson = find_lesson(source, slides)
        target = Path(f"{lesson.stem}.slides.html")
        with writing(target):
            count = write_slides(lesson, target)
        typer.echo(
            f"{target.absolute()}: {count} slides; arrow keys move, N shows all of the text"
        )


def _look_back(
    source: Path, place: Path, progress: bool, export: str | None, reset: str | None
) -> None:
    from batchlab.cli import progress_options as options  # noqa: PLC0415

    if reset is not None:
        if place.resolve() == source.resolve():
            fail(
                f"{place} has the lessons themselves, not a copy: git restores them, and "
                "--folder DIR names a copy"
            )
        options.reset_lesson(source, place, reset)
    if progress:
        options.show_progress(place)
    if export is not None:
        options.export_progress(place, export)
