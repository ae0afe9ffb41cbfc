"""What of a remote's URL may be shown."""

from __future__ import annotations

import re
from collections.abc import Iterable

_USERINFO = re.compile(r"(?<=://)[^/?#]*@")
_HOST = re.compile(r"[^:@]*(?::[0-9]*)?|\[[^\]@]*\](?::[0-9]*)?")
_USERINFO_IN_TEXT = re.compile(r"(?<=://)[^/\s]*@")
_QUERY_IN_TEXT = re.compile(r"(://[^\s?#]*)[?#][^\s'\"]*")


def public_url(url: str) -> str | None:
    """A remote's URL without user, password, query and fragment; ``None`` where it is malformed."""
    if len(url) > 2048 or not url.isprintable():
        return None
    if "://" not in url:
        head, slash, rest = url.partition("/")
        return head.rpartition("@")[2] + slash + rest
    plain = re.split(r"[?#]", _USERINFO.sub("", url), maxsplit=1)[0]
    host = plain.partition("://")[2].partition("/")[0]
    return plain if _HOST.fullmatch(host) else None


def public_text(text: str, urls: Iterable[str]) -> str:
    """``text``, which git wrote, with what is not public of ``urls`` and of other URLs left out."""
    for url in urls:
        text = text.replace(url, public_url(url) or "(the remote)")
    return _QUERY_IN_TEXT.sub(r"\1", _USERINFO_IN_TEXT.sub("", text))
