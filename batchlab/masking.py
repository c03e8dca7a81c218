"""Secrets in texts that are shown: replaced by ``***``, wherever they come from.

Errors quote what was wrong, logs what was done, displays what was written; each may have a secret
in it, and each ends in notebooks and logs that are passed on. So they all go through `mask`. It
knows secrets by what stands around them: the signature of a URL, a name such as ``AccountKey`` or
``password`` with a value, the credentials of an ``Authorization`` header or before the host of a
URL. Values that are data, such as a task's command line, are never changed, only how they are
shown. The logger ``batchlab`` masks all that it is given.
"""

from __future__ import annotations

import logging
import re

__all__ = ["HIDDEN", "mask"]

HIDDEN = "***"

_NAMES = (
    r"account[_-]?key|access[_-]?key|shared[_-]?access[_-]?(?:key|signature)|secret[_-]?access[_-]?key"
    r"|sas[_-]?(?:key|token)|storage[_-]?key|api[_-]?key|private[_-]?key|ssh[_-]?private[_-]?key"
    r"|client[_-]?secret|secret|password|passwd|passphrase|access[_-]?token|auth[_-]?token"
    r"|id[_-]?token|refresh[_-]?token|security[_-]?token|x-amz-(?:signature|security-token)"
)
_STARTS = re.compile(
    r"sig=|key|secret|passw|passphrase|token|bearer|shared|authorization|signature|@",
    re.IGNORECASE,
)
"""A text without any of these has no secret that `mask` knows: most texts."""
_RULES = (
    # The signature of a URL, also where its "&" is escaped.
    (re.compile(r"(?i)((?:^|[^\w.-])sig(?:nature)?=)[^&\s\"'<>;,)\]}\\]+"), rf"\1{HIDDEN}"),
    # The whole of a connection string's part, which ends with a semicolon.
    (re.compile(r"(?i)(SharedAccessSignature=)[^;\s\"']+"), rf"\1{HIDDEN}"),
    # name="value", 'name': 'value'
    (re.compile(rf"(?i)((?:{_NAMES})\\?[\"']?\s*[=:]\s*[a-z]?\\?([\"']))(?!\2)(?:\\.|(?!\2)[^\\])*"),
     rf"\1{HIDDEN}"),
    # name=value
    (re.compile(rf"(?i)((?<![a-z0-9])(?:\w+[_-])?(?:{_NAMES})=)(?![=~]|None\b|True\b|False\b|[a-z]?\\?[\"'])[^&\s\"'<>;,)\]}}\\]+"),
     rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer\s+)(?=\S*\d|\S{20})[-\w.~+/]{3,}=*"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b(SharedKey(?:Lite)?\s+[\w-]+:)[^\s\"',;]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b(authorization[\"']?\s*[=:]\s*[\"']?(?:basic|token|bearer)\s+)[^\s\"',;]+"),
     rf"\1{HIDDEN}"),
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://[^/\s:@\"'<>]*:)[^/\s@\"'<>]+(?=@)", re.IGNORECASE),
     rf"\1{HIDDEN}"),
)  # fmt: skip


def mask(text: str) -> str:
    """Replace the secrets in a text by ``***``.

    Parameters
    ----------
    text : str

    Examples
    --------
    >>> mask("https://account.blob.core.windows.net/data/a.txt?sv=2024-11-04&sig=aB%2Fc&se=2027")
    'https://account.blob.core.windows.net/data/a.txt?sv=2024-11-04&sig=***&se=2027'
    >>> mask("AccountName=account;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net")
    'AccountName=account;AccountKey=***;EndpointSuffix=core.windows.net'
    """
    if not _STARTS.search(text):
        return text
    for pattern, shown in _RULES:
        text = pattern.sub(shown, text)
    return text


class _Masked(logging.Filter):
    """Masks the records of a logger, with their tracebacks."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask a record in place."""
        record.msg, record.args = mask(record.getMessage()), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = mask(record.exc_text)
        return True


logging.getLogger("batchlab").addFilter(_Masked())
