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
from enum import IntEnum
from urllib.parse import SplitResult, urljoin, urlsplit

from releaser.core.oci import DOCKER_HUB

HUB_API = "registry-1.docker.io"
MAX_URL = 8192

_BROAD = frozenset({"ac", "co", "com", "edu", "gov", "ne", "net", "or", "org"})
"""What stands before a country, as in ``co.uk``, and belongs to nobody."""
_TENANTS = frozenset(
    {"amazonaws.com", "azurecr.io", "github.io", "googleapis.com", "pkg.dev", "run.app"}
)
"""Domains under which every customer has a host."""
_UNPRINTABLE = re.compile(r"[^\x21-\x7e]")
_TOKEN_SERVICES = {HUB_API: "auth.docker.io"}
"""Registries whose token service lives under another domain, as their operators document it."""


class RefusedAddressError(Exception):
    """An address that a registry named and that is not followed; the text says why."""


class Reach(IntEnum):
    """How far inside an address lies; a registry names none that lies deeper than itself."""

    PUBLIC = 0
    PRIVATE = 1
    """Of this network only (RFC 1918, RFC 4193 and the like)."""
    MACHINE = 2
    """This machine."""


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
    def name(self) -> str:
        """The host without its port."""
        return urlsplit(self.base).hostname or ""

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


def reach(address: str) -> Reach:
    """Where an address (no name) lies; what is no address counts as public.

    >>> reach("10.1.2.3").name, reach("::1").name, reach("8.8.8.8").name
    ('PRIVATE', 'MACHINE', 'PUBLIC')
    """
    found = _address(address)
    if found is None or found.is_global:
        return Reach.PUBLIC
    return Reach.MACHINE if found.is_loopback or found.is_unspecified else Reach.PRIVATE


def reach_of_name(host: str) -> Reach:
    """Where ``host`` lies: the deepest of its addresses; a name without one counts as public."""
    if is_loopback(host):
        return Reach.MACHINE
    if _address(host):
        return reach(host)
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return Reach.PUBLIC
    return max((reach(str(one[4][0])) for one in found), default=Reach.PUBLIC)


def check_reach(host: str, address: str, deepest: Reach) -> None:
    """Refuse ``address``, which ``host`` leads to, where it lies deeper than ``deepest``.

    :raises RefusedAddressError: with the reason.
    """
    if is_link_local(address):
        raise RefusedAddressError(f"{_led(host, address)} is link-local")
    if reach(address) > deepest:
        raise RefusedAddressError(f"{_led(host, address)} is an inner address")


def _led(host: str, address: str) -> str:
    return address if host == address else f"{host} leads to {address}, which"


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


def declared(url: str, allowed: frozenset[str]) -> bool:
    """Whether the user has named the host of ``url`` in ``allowed``, with its port or without."""
    parts = urlsplit(url)
    return not allowed.isdisjoint({parts.netloc, parts.hostname or ""})


def _akin(realm: SplitResult, registry: Endpoint, allowed: frozenset[str]) -> bool:
    own = registry.name
    host = realm.hostname or ""
    if host == own or _TOKEN_SERVICES.get(own) == host or declared(realm.geturl(), allowed):
        return True
    if is_loopback(own):
        return is_loopback(host)
    return not _address(own) and not _address(host) and _same_owner(own, host)


def _same_owner(one: str, other: str) -> bool:
    """Whether two names lie under a domain that somebody owns, as far as can be told."""
    parts = one.split(".")
    broad = len(parts) > 1 and len(parts[-1]) == 2 and parts[-2] in _BROAD
    owned = parts[-3:] if broad else parts[-2:]
    if len(owned) < (3 if broad else 2) or ".".join(owned) in _TENANTS:
        return False
    return other.split(".")[-len(owned) :] == owned


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
