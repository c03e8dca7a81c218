"""Slides of a lesson: one file without the network; a question comes before its answer."""

from __future__ import annotations

import base64
import html.parser
import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from typer.testing import CliRunner

from batchlab.cli import app
from batchlab.lessons.notebooks import lesson_files, lessons_folder
from batchlab.lessons.slides import write_slides

LESSONS = lesson_files(lessons_folder()[0])
ADDRESS = re.compile(r"""(?:src|href|action|data)\s*=\s*["']?([^"'\s>]+)|url\(([^)]+)\)|@import""")


def slides(page: str) -> list[str]:
    return re.findall(r"<section .*?</section>", page, re.DOTALL)


@pytest.mark.parametrize("lesson", [LESSONS[3], LESSONS[8]], ids=lambda path: path.stem)
def test_slides_of_a_lesson_need_no_network(lesson: Path, tmp_path: Path) -> None:
    count = write_slides(lesson, tmp_path / "slides.html")
    page = (tmp_path / "slides.html").read_text(encoding="utf-8")
    assert len(slides(page)) == count > 20
    assert "default-src 'none'" in page
    loaded = [one[0] or one[1] for one in ADDRESS.findall(page)]
    links = re.findall(r'<a [^>]*href="([^"]+)"', page)
    assert {one for one in loaded if not one.startswith("data:")} <= set(links)
    assert page.count("<script") == 1, "our own"
    assert "lessons.check(" not in "".join(re.findall(r"<pre>.*?</pre>", page, re.DOTALL))
    html.parser.HTMLParser().feed(page)


def made(tmp_path: Path, *cells: object) -> list[str]:
    first = new_markdown_cell("# New\n\n## What you'll do\n\nThings.")
    nbformat.write(new_notebook(cells=[first, *cells]), tmp_path / "77-new.ipynb")
    write_slides(tmp_path / "77-new.ipynb", tmp_path / "out.html")
    return slides((tmp_path / "out.html").read_text(encoding="utf-8"))


def test_answer_is_on_the_slide_after_its_question(tmp_path: Path) -> None:
    found = made(
        tmp_path,
        new_markdown_cell("## Sum\n\n**Predict.** What is it?"),
        new_code_cell("6 * 7", outputs=[new_output("execute_result", {"text/plain": "42"})]),
        new_markdown_cell("It is the answer to all that anyone could ever ask. More of it."),
    )
    _, question, answer = found
    assert "What is it?" in question
    assert "42" not in question
    assert "<pre>42</pre>" in re.sub(r"\s+(?=</pre>)", "", answer)
    assert "6" not in re.sub(r"<[^>]*>", "", answer.replace("42", ""))
    shown, _, notes = answer.partition("<aside")
    assert "More of it" not in shown
    assert "More of it" in notes


def test_cell_that_waits_for_the_reader_is_left_out(tmp_path: Path) -> None:
    card = "<div><details><summary>What happened</summary>42</details></div>"
    found = made(
        tmp_path,
        new_markdown_cell("## Sum\n\n**Predict.** What is it?"),
        new_code_cell("asked = bl.predict('What is it?')\nasked"),
        new_code_cell(
            "asked.reveal(6 * 7)", outputs=[new_output("execute_result", {"text/html": card})]
        ),
    )
    _, question, answer = found
    assert "predict(" not in re.sub(r"<[^>]*>", "", question)
    assert "<details open" in answer


def test_picture_is_shown_in_place_of_html_and_text(tmp_path: Path) -> None:
    picture = base64.b64encode(b"picture").decode()
    data = {"text/plain": "a pool", "text/html": "<b>card</b>", "image/png": picture}
    output = new_output("display_data", data, metadata={"image/png": {"alt": "two nodes"}})
    _, slide = made(
        tmp_path, new_markdown_cell("## Pool"), new_code_cell("pool", outputs=[output])
    )
    assert f"base64,{picture}" in slide
    assert 'alt="two nodes"' in slide
    assert "card" not in slide
    assert "a pool" not in slide


def test_what_does_not_fit_goes_to_the_next_slide_with_what_leads_to_it(tmp_path: Path) -> None:
    found = made(
        tmp_path,
        new_markdown_cell("## Long"),
        new_code_cell("\n".join(f"a{n} = {n}" for n in range(10))),
        new_markdown_cell("And then:"),
        new_code_cell("\n".join(f"b{n} = {n}" for n in range(10))),
        new_markdown_cell("## Further reading\n\n- [More](https://example.org)"),
    )
    assert len(found) == 3
    assert "And then" not in found[1]
    assert found[2].index("And then") < found[2].index("b0")


def test_links_to_other_lessons_are_text(tmp_path: Path) -> None:
    _, slide = made(tmp_path, new_markdown_cell("## More\n\nSee [lesson 04](04-x.ipynb#there)."))
    assert "lesson 04" in slide
    assert "ipynb" not in slide


def test_slides_are_written_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["lab", "--slides", "00"])
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"{tmp_path / '00-start-here.slides.html'}: ")
    (tmp_path / "01-a-pool-of-nodes.slides.html").mkdir()
    result = CliRunner().invoke(app, ["lab", "--slides", "1"])
    assert result.exit_code == 1
    assert "cannot be written: Is a directory" in result.stderr
