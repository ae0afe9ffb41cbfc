"""Names that give a secret away: what is called like one should not be public."""

from __future__ import annotations

import re

_SECRET = re.compile(
    r"(?:^|[_.-])(?:token|secret|password|passwd|pword|passphrase|credentials?|api_?key"
    r"|private_?key)(?:$|[_.-])",
    re.IGNORECASE,
)
_HARMLESS = re.compile(r"(?:^|[_.-])(?:public|file|path|name|id|url)$|^public[_.-]", re.IGNORECASE)


def looks_secret(name: str) -> bool:
    """Whether a build arg of this name is likely to hold a secret."""
    return bool(_SECRET.search(name)) and not _HARMLESS.search(name)
