"""Where a registry is reached, and which other addresses it may send a client to.

A registry is trusted with its own credentials and with nothing else. Whatever address it names (a
redirect, an upload location, the next page, a token service) passes through here first, because
each of them has been used to steal credentials or to reach into private networks
(CVE-2020-15157, CVE-2026-48978).
"""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from releaser.core.oci import DOCKER_HUB

HUB_API = "registry-1.docker.io"
MAX_URL = 8192

_UNPRINTABLE = re.compile(r"[^\x21-\x7e]")
_TOKEN_SERVICES = {HUB_API: "auth.docker.io"}
"""Registries whose token service lives under another domain, as their operators document it."""


class RefusedAddressError(Exception):
    """An address that a registry named and that is not followed; the text says why."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A registry: its name as references write it, and the scheme and host that answer for it."""

    registry: str
    scheme: str
    host: str

    @property
    def base(self) -> str:
        """The URL that the distribution API's paths begin with."""
        return f"{self.scheme}://{self.host}/v2/"

    @property
    def plain(self) -> bool:
        """Whether it is spoken to without TLS."""
        return self.scheme == "http"


def endpoint(registry: str, insecure: frozenset[str] = frozenset()) -> Endpoint:
    """Where ``registry`` is reached: https, except on this machine and where it is ``insecure``.

    Docker treats 127.0.0.0/8, ::1 and localhost as insecure without being told ("daemon.json",
    insecure-registries), and so do we. Docker tries https there first; we do not: a registry on the
    machine itself either has no certificate or can be reached by its name.
    """
    host = HUB_API if registry == DOCKER_HUB else registry
    name = urlsplit(f"//{registry}").hostname or ""
    plain = registry in insecure or name in insecure or is_loopback(name)
    return Endpoint(registry, "http" if plain else "https", host)


def is_loopback(host: str) -> bool:
    """Whether ``host`` (without a port) names this machine."""
    address = _address(host)
    return host.lower().rstrip(".") == "localhost" or bool(address and address.is_loopback)


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port: what must be equal for credentials to be sent along."""
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or _default_port(parts.scheme)


def follow(current: str, location: str | None) -> str:
    """The absolute URL that ``location`` means in an answer from ``current``.

    :raises RefusedAddressError: where it is missing, malformed, drops TLS or points inwards.
    """
    if not location:
        raise RefusedAddressError("it named no location")
    _parsed(location)
    target = urljoin(current, location)
    _check(urlsplit(current), _parsed(target))
    return target


def check_realm(realm: str, registry: Endpoint, allowed: frozenset[str], *, secret: bool) -> None:
    """Refuse a token service that ``registry`` has no business naming.

    A login is sent (``secret``) only to the registry's own host, to one under the same domain, or
    to one of the ``allowed`` hosts; without a login any public https address will do.

    :raises RefusedAddressError: with the reason.
    """
    parts = _parsed(realm)
    _check(urlsplit(registry.base), parts)
    if secret and not _akin(parts, registry, allowed):
        raise RefusedAddressError(f"{parts.netloc} is not a host of {registry.registry}")


def is_link_local(host: str) -> bool:
    """Whether an address is link-local: where clouds keep their metadata, never a registry."""
    address = _address(host)
    return bool(address and (address.is_link_local or str(address) == "fd00:ec2::254"))


def _check(current: SplitResult, target: SplitResult) -> None:
    host = target.hostname or ""
    if target.scheme not in {"http", "https"} or not host:
        raise RefusedAddressError("it named an address that is neither http nor https")
    if target.username is not None or target.password is not None:
        raise RefusedAddressError("it named an address with a user name in it")
    if current.scheme == "https" and target.scheme == "http":
        raise RefusedAddressError(f"it pointed from https to plain http ({target.netloc})")
    if is_link_local(host) or (is_loopback(host) and not is_loopback(current.hostname or "")):
        raise RefusedAddressError(f"it pointed to an inner address ({host})")


def _akin(realm: SplitResult, registry: Endpoint, allowed: frozenset[str]) -> bool:
    own = urlsplit(registry.base).hostname or ""
    host = realm.hostname or ""
    if host == own or _TOKEN_SERVICES.get(own) == host or {realm.netloc, host} & allowed:
        return True
    if is_loopback(own):
        return is_loopback(host)
    names = not _address(own) and not _address(host)
    return names and "." in own and own.split(".")[-2:] == host.split(".")[-2:]


def _parsed(url: str) -> SplitResult:
    if not _legible(url):
        raise RefusedAddressError("it named a malformed address")
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises where it is no number below 65536
    except ValueError:
        raise RefusedAddressError("it named a malformed address") from None
    return parts


def _legible(url: str) -> bool:
    return len(url) <= MAX_URL and not _UNPRINTABLE.search(url)


def _default_port(scheme: str) -> int:
    return 80 if scheme == "http" else 443


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return _legacy_address(host)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _legacy_address(host: str) -> ipaddress.IPv4Address | None:
    # the resolver reads 2130706433 and 0x7f.1 as 127.0.0.1, so a check of names must as well
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host)) if host else None
    except (OSError, ValueError):
        return None
