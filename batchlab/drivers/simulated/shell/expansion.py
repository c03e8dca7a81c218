"""What the words of a script stand for: variables, substitutions, and the names of files."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Generator, Sequence
from fnmatch import fnmatchcase, translate

from batchlab.drivers.simulated.around import Steps
from batchlab.drivers.simulated.disk import Disk, Folder
from batchlab.drivers.simulated.shell.arithmetic import evaluate
from batchlab.drivers.simulated.shell.state import Exit, ShellState
from batchlab.drivers.simulated.shell.streams import Streams
from batchlab.drivers.simulated.shell.words import (
    NotUnderstood,
    Parameter,
    Part,
    Word,
    parameter,
    quoted_parts,
)

__all__ = ["Expansion"]

_BREAK, _QUOTED = "\uf8f0", "\uf8f1"
"""Where a word is split, and where something quoted stands, though it be empty."""
_SPECIAL = "*?[]!-^\\"
_HIDE = {ord(sign): chr(0xF8E0 + place) for place, sign in enumerate(_SPECIAL)}
"""What has no meaning in patterns because it is quoted."""
_SHOW = {ord(other): chr(sign) for sign, other in _HIDE.items()} | {ord(_QUOTED): None}
_ESCAPE = {other: f"[{sign}]" if sign in "*?[" else sign for other, sign in _SHOW.items() if sign}
_PATTERN = re.compile(r"[*?]|\[.+\]", re.DOTALL)
_BLANKS = " \t\n"
Text = Generator[float, None, str]


class Expansion(Streams):
    """The words of a shell process, its variables, and its streams."""

    def __init__(
        self,
        disk: Disk,
        directory: str,
        now: Callable[[], float],
        environment: Callable[[], dict[str, str]],
    ) -> None:
        super().__init__(disk, directory, now)
        self.state = ShellState()
        self.bash = True
        """Whether this is no ``sh``: bash, or a program without a shell."""
        self._make_environment = environment
        self._environment: dict[str, str] | None = None

    @abstractmethod
    def fork(self) -> Expansion:
        """Return a child that knows the same."""

    @abstractmethod
    def script(self, text: str) -> Steps:
        """Run a script."""

    # -- variables -------------------------------------------------------------------------------

    @property
    def environment(self) -> dict[str, str]:
        """The exported variables, created on first use."""
        if self._environment is None:
            self._environment = self._make_environment()
        return self._environment

    @environment.setter
    def environment(self, value: dict[str, str]) -> None:
        self._environment = value

    def assign(self, name: str, value: str) -> None:
        """Set a variable, which stays exported if it was."""
        exported = name in self.environment or "a" in self.state.options
        (self.environment if exported else self.state.variables)[name] = value

    def value(self, name: str) -> str | None:
        """Return the value of a variable or of a parameter; None if it is not set."""
        state = self.state
        if name.isdigit():
            values = [state.name, *state.arguments]
            return values[int(name)] if int(name) < len(values) else None
        match name:
            case "?":
                return str(state.status)
            case "#":
                return str(len(state.arguments))
            case "@" | "*":
                return " ".join(state.arguments)
            case "$":
                return str(state.pid)
            case "!":
                return str(state.jobs[-1].pid) if state.jobs else ""
            case "-":
                return "".join(sorted(option for option in state.options if len(option) == 1))
            case "PWD":
                return self.cwd
        return state.variables.get(name, self.environment.get(name))

    def _known(self, name: str) -> str:
        value = self.value(name)
        if value is None and "u" in self.state.options:
            self.complain(f"{self.state.name}: {name}: parameter not set")
            raise Exit(127 if self.bash else 2)
        return value or ""

    def calculate(self, expression: str) -> int:
        """Return the value of an expression of integers."""
        try:
            return evaluate(expression, lambda name: self.value(name) or "", self.assign,
                            bash=self.bash)  # fmt: skip
        except ZeroDivisionError:
            self.complain(f"sh: arithmetic expression: division by zero: {expression!r}")
        except ValueError as error:
            self.complain(f"sh: Illegal number: {error}")
        except NotUnderstood:
            self.complain(f"sh: arithmetic expression: syntax error: {expression!r}")
        raise Exit(1 if self.bash else 2)

    # -- words -----------------------------------------------------------------------------------

    def text(self, word: Sequence[Part]) -> Text:
        """Return what a word stands for where it is not split."""
        return (yield from self._marked(word, split=False)).translate(_SHOW)

    def pattern(self, word: Sequence[Part]) -> Text:
        """Return a word as a pattern of `fnmatch`, in which what was quoted means itself."""
        marked = yield from self._marked(word, split=False)
        return _fnmatch(marked)

    def fields(self, words: Sequence[Word]) -> Generator[float, None, list[str]]:
        """Expand words, split what is not quoted at blanks, and look for the files of patterns."""
        found: list[str] = []
        for word in words:
            marked = yield from self._marked(word)
            for field in marked.split(_BREAK):
                if not field:
                    continue
                names = self._names(field) if _PATTERN.search(field) else []
                found += names or [field.translate(_SHOW)]
        return found

    def _marked(self, word: Sequence[Part], *, split: bool = True) -> Text:
        text = ""
        for part in word:
            if part.kind == "literal":
                text += _hidden(part.text) if part.quoted else part.text
            elif part.text in {"@", "*"} and part.kind in {"variable", "parameter"} and split:
                text += self._arguments(joined=part.quoted and part.text == "*", part=part)
            elif part.kind == "parameter":
                found = parameter(part.text, quoted=part.quoted)
                value = yield from self._parameter(found, split=split and not part.quoted)
                text += _hidden(value.translate(_SHOW)) if part.quoted else value
            else:
                value = yield from self._expanded(part)
                text += _hidden(value) if part.quoted else self._split(value, split=split)
        return text

    def _arguments(self, part: Part, *, joined: bool) -> str:
        values = self.state.arguments
        if joined:
            return _hidden(" ".join(values))
        if part.quoted:
            return _BREAK.join(map(_hidden, values))
        return _BREAK.join(self._split(value, split=True) for value in values)

    def _split(self, text: str, *, split: bool) -> str:
        """Mark where a text is split, as the variable IFS says."""
        separators = self.value("IFS")
        if not split or separators == "":
            return text
        separators = _BLANKS if separators is None else separators
        blanks = "".join(sign for sign in separators if sign in _BLANKS)
        others = "".join(sign for sign in separators if sign not in _BLANKS)
        blank = f"[{re.escape(blanks)}]" if blanks else "(?!)"
        if others:
            text = re.sub(f"{blank}*[{re.escape(others)}]{blank}*", _QUOTED + _BREAK, text)
        return re.sub(f"{blank}+", _BREAK, text)

    def _expanded(self, part: Part) -> Text:
        if part.kind == "variable":
            return self._known(part.text)
        if part.kind == "expression":
            return str(self.calculate((yield from self.text(quoted_parts(part.text)))))
        child, out = self.fork(), bytearray()
        child.streams[1] = out
        self.state.substituted = yield from child.script(part.text)
        return out.replace(b"\0", b"").decode(errors="replace").rstrip("\n")

    def _parameter(self, found: Parameter, *, split: bool) -> Text:
        """Return what ``${...}`` stands for, marked."""
        kind = found.operator[-1:]
        value = self.value(found.name)
        if found.name in {"@", "*"} and not self.state.arguments:
            value = None
        missing = value is None or (found.operator[:1] == ":" and not value)
        if kind == "+":
            return "" if missing else (yield from self._marked(found.word, split=split))
        if kind in {"-", "=", "?"} and missing:
            marked = yield from self._marked(found.word, split=split)
            text = marked.replace(_BREAK, " ").translate(_SHOW)
            if kind == "?":
                self.complain(f"{self.state.name}: {found.name}: {text or 'parameter not set'}")
                raise Exit(127 if self.bash else 2)
            if kind == "=":
                self.assign(found.name, text)
            return marked
        if kind not in {"-", "=", "?"}:
            value = self._known(found.name)
        value = value or ""
        if found.operator == "length":
            return str(len(value))
        if kind in {"%", "#"}:
            pattern = _fnmatch((yield from self._marked(found.word, split=False)))
            value = _cut(value, pattern, found.operator)
        elif found.operator:
            value = yield from self._changed(value, found)
        return self._split(value, split=split)

    def _changed(self, value: str, found: Parameter) -> Text:
        """What bash makes of a value."""
        match found.operator:
            case "slice":
                first, *length = [int(part.text) for part in found.word]
                return value[first : first + length[0] if length else None]
            case "^^":
                return value.upper()
            case ",,":
                return value.lower()
            case "^" | ",":
                first_sign = value[:1]
                return (
                    first_sign.upper() if found.operator == "^" else first_sign.lower()
                ) + value[1:]
        pattern = translate((yield from self.pattern(found.word)))[:-2]  # not only at the end
        new = yield from self.text(found.other)
        return re.sub(pattern, lambda _: new, value, count=found.operator == "/")

    # -- files -----------------------------------------------------------------------------------

    def _names(self, field: str) -> list[str]:
        """Return the files that match a pattern, in order."""
        found = ["/"] if field.startswith("/") else [""]
        *above, last = field.strip("/").split("/")
        for name in (*above, last):
            pattern = _fnmatch(name)
            matching = []
            for folder in found:
                entries = self._folder(folder or ".")
                plain = name.translate(_SHOW)
                names = sorted(entries) if _PATTERN.search(name) else [plain] * (plain in entries)
                matching += [
                    f"{folder}{one}" for one in names
                    if fnmatchcase(one, pattern) and (one[0] != "." or pattern[0] == ".")
                ]  # fmt: skip
            found = [f"{one}/" for one in matching] if name is not last else matching
        if field.endswith("/"):
            return [f"{one}/" for one in found if isinstance(self._at(one), Folder)]
        return found

    def _folder(self, name: str) -> Folder:
        found = self._at(name)
        return found if isinstance(found, Folder) else Folder()

    def _at(self, name: str) -> object:
        try:
            return self.disk.find(self.path(name))
        except OSError:
            return None


def _hidden(text: str) -> str:
    return _QUOTED + text.translate(_HIDE)


def _fnmatch(marked: str) -> str:
    return marked.replace(_QUOTED, "").replace(_BREAK, " ").translate(_ESCAPE)


def _cut(value: str, pattern: str, operator: str) -> str:
    """Remove the shortest or longest beginning or end that matches."""
    places: Sequence[int] = range(len(value) + 1)
    if operator in {"%", "##"}:
        places = places[::-1]
    for place in places:
        before, after = value[:place], value[place:]
        if fnmatchcase(before if operator[0] == "#" else after, pattern):
            return after if operator[0] == "#" else before
    return value
