"""A new lesson is a notebook, its checks and its solutions: nothing else has to know of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

pytestmark = [pytest.mark.ci("notebooks"), pytest.mark.timeout(400)]

ROOT = Path(__file__).parents[2]

NUMBER = f"{1 + max(int(path.name[:2]) for path in (ROOT / 'notebooks').glob('*.ipynb')):02d}"
CHECKS = '''"""Checks of a new lesson."""

from batchlab.handles.pool import Pool
from batchlab.lessons.exercises import Missing, exercise


@exercise("16-1", "A pool", Pool)
def _pool(pool: Pool) -> str | Missing:
    return f"there is {pool.id}."


@exercise("16-2", "A wide pool", Pool)
def _wide(pool: Pool) -> str | Missing:
    wide = pool.target_dedicated_nodes == 3
    return "it has three nodes." if wide else Missing("it is narrow.", "Resize it.", "To three.")
'''.replace("16-", f"{NUMBER}-")
SOLUTIONS = """# Solutions of a new lesson

## 16-1

```python
pool = lab.create_pool(lessons.fresh("narrow"))
```

## 16-2

```python
wide = lab.create_pool(lessons.fresh("wide"), target_dedicated_nodes=3)
```
""".replace("16-", f"{NUMBER}-")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lessons, their checks and solutions, with one more of each."""
    folder = tmp_path_factory.mktemp("checkout")
    there = Path(__file__).parent.relative_to(ROOT)
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("batchlab", "notebooks", there):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copy(ROOT / "tests/conftest.py", folder / "tests")
    cells = [
        new_markdown_cell("# Something new"),
        new_code_cell("import batchlab as bl\nfrom batchlab import lessons\n\n"
                      "lab = bl.SimulatedLab()"),
        new_code_cell('pool = ...\nlessons.check("NN-1", pool)'.replace("NN", NUMBER)),
        new_code_cell('wide = ...\nlessons.check("NN-2", wide)'.replace("NN", NUMBER)),
    ]  # fmt: skip
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    lesson = new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(lesson, folder / f"notebooks/{NUMBER}-something-new.ipynb")
    (folder / f"batchlab/lessons/lesson_{NUMBER}.py").write_text(CHECKS)
    (folder / f"batchlab/lessons/solutions/{NUMBER}.md").write_text(SOLUTIONS)
    run(folder, str(there / "store.py"), f"notebooks/{NUMBER}-something-new.ipynb")
    return folder


def run(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True, text=True, timeout=250, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def test_new_lesson_is_listed(checkout: Path) -> None:
    assert run(checkout, "-m", "batchlab", "lab", "--list").endswith(
        f"\n{NUMBER}  Something new\n"
    )
    code = "from batchlab import lessons; print(lessons.exercises)"
    assert [line.split()[0] for line in run(checkout, "-c", code).splitlines()][-2:] == [
        f"{NUMBER}-1", f"{NUMBER}-2",
    ]  # fmt: skip


def test_new_lesson_is_checked_and_solved(checkout: Path) -> None:
    tests = next(checkout.rglob("test_solutions.py")).relative_to(checkout)
    said = run(checkout, "-m", "pytest", "-n", "0", "-v", "-p", "no:cacheprovider", "-m", "",
               str(tests), "-k", f"{NUMBER} or belongs")  # fmt: skip
    assert f"test_lesson_as_shipped_says_that_its_exercises_are_open[{NUMBER}] PASSED" in said
    assert f"test_lesson_with_solutions_is_all_right[{NUMBER}] PASSED" in said
    assert "3 passed" in said
