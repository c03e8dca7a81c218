"""Names that other languages use, and what a formula writes instead.

Formulas are pasted from C#, Python, spreadsheets and old documents, so a name that is unknown
here is often a good one elsewhere. Each function returns a hint, or an empty text for a name that
is not listed; `names.nearest` then looks for a typing error.
"""

from __future__ import annotations

__all__ = ["function_hint", "member_hint", "method_hint", "name_hint", "unit_hint", "word_hint"]

_CHOICE = "write x = condition ? then : otherwise"
_LOOPS = "there are no loops: aggregate with sum, avg, min or max"
_PRODUCT = "intervals are products: 5 * TimeInterval_Minute"
_CLOCK = "the current time is time()"

_WORDS = {
    "and": "write && for and",
    "or": "write || for or",
    "not": "write ! for not",
    "is": "compare with ==",
    "mod": "there is no remainder operator: write a - b * floor(a / b)",
    "for": _LOOPS,
    "foreach": _LOOPS,
    "while": _LOOPS,
    "return": "a formula returns nothing: assign to $TargetDedicatedNodes",
    **{word: f"there is no {word}: {_CHOICE}"
       for word in ("if", "elif", "elsif", "elseif", "else", "then", "endif", "switch", "case",
                    "when", "unless")},
    **dict.fromkeys(("var", "let", "const", "int", "long", "float", "double", "decimal", "string",
                     "bool", "auto", "set", "dim", "local", "export"),
                    "variables need no declaration: write x = 5"),
    **dict.fromkeys(("def", "function", "func", "lambda"), "a formula cannot define functions"),
}  # fmt: skip

_CALLED = {
    **dict.fromkeys(("average", "mean", "getaverage", "arithmeticmean"), "avg"),
    **dict.fromkeys(("maximum", "getmax", "greatest", "highest", "fmax"), "max"),
    **dict.fromkeys(("minimum", "getmin", "least", "lowest", "fmin"), "min"),
    **dict.fromkeys(("total", "getsum", "add"), "sum"),
    **dict.fromkeys(("count", "length", "size"), "len"),
    **dict.fromkeys(("stdev", "stddev", "standarddeviation", "std_dev"), "std"),
    **dict.fromkeys(("ceiling", "roundup", "round_up"), "ceil"),
    **dict.fromkeys(("rounddown", "round_down"), "floor"),
    **dict.fromkeys(("int", "truncate", "toint", "to_int", "integer", "fix"), "trunc"),
    **dict.fromkeys(("log10", "lg10"), "log"),
    **dict.fromkeys(("log2", "ld"), "lg"),
    **dict.fromkeys(("loge",), "ln"),
    **dict.fromkeys(("random", "rnd", "randbetween"), "rand"),
    **dict.fromkeys(("quantile", "getpercentile"), "percentile"),
    **dict.fromkeys(("item", "elementat", "value", "nth"), "val"),
}
"""The function that does what another name says."""

_SELDOM = {
    "abs": "there is no abs: write max(x, -x)",
    "fabs": "there is no fabs: write max(x, -x)",
    "sqrt": "there is no square root",
    "pow": "there is no pow: multiply, x * x",
    "power": "there is no power: multiply, x * x",
    "exp": "there is no exponential function",
    "sign": "write x > 0 ? 1 : (x < 0 ? -1 : 0)",
    "median": "write percentile(v, 50)",
    "clamp": "write max(low, min(high, x))",
    "first": "write val(v, 0): vectors start with the newest sample",
    "last": "vectors start with the newest sample: write val(v, 0)",
    "latest": "write val(v, 0): vectors start with the newest sample",
    **dict.fromkeys(("mod", "fmod", "remainder"), "write a - b * floor(a / b)"),
    **dict.fromkeys(("if", "iif", "iff", "ifelse", "cond"), f"there is no if: {_CHOICE}"),
    **dict.fromkeys(("now", "utcnow", "getdate", "getutcdate", "today", "date_now", "sysdate"),
                    "write time()"),
    **dict.fromkeys(("date", "datetime", "timestamp", "parse", "todatetime"),
                    'write time("2016-10-13T19:18:47Z")'),
    **dict.fromkeys(("second", "seconds", "minute", "minutes", "hour", "hours", "day", "days",
                     "week", "weeks", "timespan", "timedelta", "interval"), _PRODUCT),
    **dict.fromkeys(("exit", "quit", "return", "break", "end", "abort"), "write stop()"),
    **dict.fromkeys(("print", "echo", "log_message", "write"),
                    "assign to a variable: its value is in the result"),
}  # fmt: skip

_NAMESPACES = ("math", "np", "numpy", "statistics", "enumerable")
_VALUES = {
    "true": "there is no true: write 1",
    "false": "there is no false: write 0",
    "yes": "write 1",
    "no": "write 0",
    **dict.fromkeys(("null", "none", "nil", "nan", "undefined"), "every value is set: write 0"),
    "pi": "write 3.14159265358979",
    "timeinterval": "write TimeInterval_Minute, with an underscore",
    **dict.fromkeys(("now", "utcnow", "today", "datetime", "datetimeoffset"), _CLOCK),
    **dict.fromkeys(_NAMESPACES, "functions stand alone: max(1, x)"),
}

_UNITS = {
    **dict.fromkeys(("ms", "millis", "milliseconds", "msec"), "Millisecond"),
    **dict.fromkeys(("s", "sec", "secs", "seconds", "second"), "Second"),
    **dict.fromkeys(("m", "min", "mins", "minutes", "minute"), "Minute"),
    **dict.fromkeys(("h", "hr", "hrs", "hours", "hour"), "Hour"),
    **dict.fromkeys(("d", "days", "day"), "Day"),
    **dict.fromkeys(("w", "wk", "weeks", "week"), "Week"),
    **dict.fromkeys(("y", "yr", "years", "year"), "Year"),
}

_MEMBERS = {
    **dict.fromkeys(("dayofweek", "day_of_week", "wday", "dow"), "weekday"),
    **{f"{name}s": name for name in ("year", "month", "day", "hour", "minute", "second")},
    **dict.fromkeys(("dayofmonth", "date"), "day"),
}


def word_hint(word: str) -> str:
    """Explain a keyword of another language, at a syntax error."""
    return _WORDS.get(word.lower(), "")


def name_hint(name: str) -> str:
    """Explain a name that has no value here."""
    low = name.lower().lstrip("$")
    if low in _VALUES:
        return _VALUES[low]
    for prefix in ("timeinterval_", "timeinterval", "timespan_", "timezoneinterval_"):
        unit = low.removeprefix(prefix)
        if unit != low and unit in _UNITS:
            return f"did you mean TimeInterval_{_UNITS[unit]}?"
    return ""


def unit_hint(name: str) -> str:
    """Explain a unit that follows a number: ``5m``."""
    unit = _UNITS.get(name.lower().removeprefix("timeinterval_"))
    return f"write a product: 5 * TimeInterval_{unit}" if unit else ""


def function_hint(name: str) -> str:
    """Explain a function that does not exist here."""
    low = name.lower()
    if low in _CALLED:
        return f"did you mean {_CALLED[low]}?"
    return _PRODUCT if low.startswith("timeinterval") else _SELDOM.get(low, "")


def method_hint(name: str, owner: str, *, sampled: bool, functions: frozenset[str]) -> str:
    """Explain a method that does not exist: the function that does it, applied to its owner."""
    low = name.lower()
    if owner.lower() in _NAMESPACES:
        known = low if low in functions else _CALLED.get(low, "")
        return f"write {known}(...), without {owner}." if known else _SELDOM.get(low, "")
    vector = f"{owner}.GetSample(window)" if sampled else owner
    bare = low.removeprefix("get")
    function = next((f for f in (low, bare) if f in functions), "") or _CALLED.get(low, "")
    function = function or _CALLED.get(bare, "")
    if function and function not in ("time", "stop", "rand"):
        more = {"percentile": ", 95", "val": ", 0"}.get(function, "")
        return f"write {function}({vector}{more})"
    if bare in ("last", "latest", "first", "current", "value", "newest", "lastsample"):
        return f"write val({owner}.GetSample(1), 0)" if sampled else f"write val({owner}, 0)"
    if owner.lower() in ("timespan", "timedelta", "duration"):
        return _PRODUCT
    if low.startswith("add") and low.removeprefix("add") in _UNITS:
        unit = _UNITS[low.removeprefix("add")]
        return f"add an interval: {owner} + 5 * TimeInterval_{unit}"
    return _SELDOM.get(low, "")


def member_hint(name: str, owner: str = "v") -> str:
    """Explain a member that does not exist."""
    low = name.lower()
    if low in _MEMBERS:
        return f"write .{_MEMBERS[low]}"
    function = low if low in ("avg", "max", "min", "sum", "std", "len") else _CALLED.get(low, "")
    return f"write {function}({owner})" if function else ""
