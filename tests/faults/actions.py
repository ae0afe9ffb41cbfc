"""What can go wrong on the way to a registry: the actions of the proxy's rules."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from tests.faults.exchange import Exchange
from tests.faults.proxy import Action
from tests.registry_server import Reply, error


def answer(status: int, body: bytes = b"", **headers: str) -> Action:
    """Answer without asking the registry."""
    return say(Reply(status, {k.replace("_", "-"): v for k, v in headers.items()}, body))


def say(reply: Reply, *, drain: bool = True) -> Action:
    """Answer with ``reply``; without ``drain``, before the request's body was read."""
    return lambda exchange: exchange.reply(reply, drain=drain)


_WORDS = {
    "BLOB_UPLOAD_UNKNOWN": "blob upload unknown to registry",
    "MANIFEST_BLOB_UNKNOWN": "blob unknown to registry",
    "DENIED": "requested access to the resource is denied",
    "TAG_INVALID": "the tag is immutable",
}
"""What registries say with their codes; engines pass on nothing else."""


def refuse(status: int, code: str) -> Action:
    """Answer with one of the registries' own error codes."""
    return say(error(status, code, _WORDS[code]))


def reset(exchange: Exchange) -> None:
    """Read the request, and reset the connection."""
    exchange.drain()
    exchange.reset()


def close(exchange: Exchange) -> None:
    """Read the request, and close the connection."""
    exchange.drain()
    exchange.close()


def cut(size: int) -> Action:
    """Close the connection when about ``size`` bytes of the request's body have come."""

    def act(exchange: Exchange) -> None:
        exchange.read(size)
        exchange.close()

    return act


def after(action: Action) -> Action:
    """Let the registry do what was asked, and then misbehave."""

    def both(exchange: Exchange) -> None:
        exchange.served()
        action(exchange)

    return both


def first(do: Callable[[], object], action: Action = Exchange.forward) -> Action:
    """Do something else before the request goes on."""

    def both(exchange: Exchange) -> None:
        exchange.keep()
        do()
        action(exchange)

    return both


def hang(seconds: float = 3600.0) -> Action:
    """Read the request and say nothing for so long."""

    def act(exchange: Exchange) -> None:
        exchange.drain()
        exchange.wait(seconds)
        with suppress(OSError):
            exchange.close()

    return act


def hold(until: threading.Event, reached: threading.Event | None = None) -> Action:
    """Forward the request when ``until`` is set; ``reached`` is set when it has come."""

    def act(exchange: Exchange) -> None:
        exchange.keep()
        if reached:
            reached.set()
        until.wait(60)
        exchange.forward()

    return act


def delay(seconds: float) -> Action:
    """Forward the request after so long."""

    def act(exchange: Exchange) -> None:
        exchange.wait(seconds)
        exchange.forward()

    return act


def halve(exchange: Exchange) -> None:
    """Send half of the registry's answer, and close the connection."""
    reply = exchange.served()
    half = Reply(reply.status, _without_length(reply), reply.body[: len(reply.body) // 2])
    exchange.reply(half, promised=len(reply.body))
    exchange.close()


def flip(exchange: Exchange) -> None:
    """Change one byte in the middle of the registry's answer."""
    reply = exchange.served()
    body = bytearray(reply.body)
    body[len(body) // 2] ^= 1
    exchange.reply(Reply(reply.status, reply.headers, bytes(body)))


def drip(seconds: float) -> Action:
    """Send the registry's answer byte by byte, one every ``seconds``."""

    def slowly(pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            for at in range(len(piece)):
                time.sleep(seconds)
                yield piece[at : at + 1]

    return lambda exchange: exchange.forward(response=slowly)


def throttle(rate: float) -> Action:
    """Let ``rate`` bytes a second through, in both directions."""

    def slowly(pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            time.sleep(len(piece) / rate)
            yield piece

    return lambda exchange: exchange.forward(request=slowly, response=slowly)


def mislabel(digest: str) -> Action:
    """Let the registry answer, with another ``Docker-Content-Digest``."""

    def act(exchange: Exchange) -> None:
        reply = exchange.served()
        names = {k: v for k, v in reply.headers.items() if k.lower() != "docker-content-digest"}
        exchange.reply(Reply(reply.status, {**names, "Docker-Content-Digest": digest}, reply.body))

    return act


def redirect(url: str) -> Action:
    """Send the client elsewhere; ``{path}`` is what it asked for."""

    def act(exchange: Exchange) -> None:
        location = url.replace("{path}", exchange.entry.path)
        exchange.reply(Reply(307, {"Location": location}))

    return act


def lie_of_a_blob(exchange: Exchange) -> None:
    """Say of a blob that it is there."""
    digest = exchange.entry.path.rpartition("/")[2]
    exchange.reply(Reply(200, {"Docker-Content-Digest": digest, "Content-Length": "12"}))


def swallow(exchange: Exchange) -> None:
    """Say of a manifest that it was stored, and store nothing."""
    exchange.reply(Reply(201, {"Location": exchange.entry.path}))


def stale(seconds: float, now: Callable[[], float], was: Callable[[], Reply]) -> Action:
    """Answer as before for so long, and then as things are; the time begins with the first."""
    began: list[float] = []

    def act(exchange: Exchange) -> None:
        began.append(now())
        if now() - began[0] < seconds:
            exchange.reply(was())
        else:
            exchange.forward()

    return act


def at_times(share: float, seed: int, *faults: Action) -> Action:
    """One of ``faults`` for a ``share`` of the requests; the rest goes on. ``seed`` decides."""
    chance = random.Random(seed)  # noqa: S311 - it must be the same in every run
    lock = threading.Lock()

    def act(exchange: Exchange) -> None:
        with lock:
            fault = chance.choice(faults) if chance.random() < share else Exchange.forward
        fault(exchange)

    return act


def manifests(*tags: str) -> str:
    """The pattern of the paths of these tags' manifests; without tags, of all public ones."""
    if tags:
        return f"/manifests/({'|'.join(re.escape(tag) for tag in tags)})$"
    return r"/manifests/(?!fp-|sha256:)[^/]+$"


def _without_length(reply: Reply) -> dict[str, str]:
    return {k: v for k, v in reply.headers.items() if k.lower() != "content-length"}
