"""The loads, one function each: what was done, what it took, and what the registries then hold."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence

from benchmarks.load_place import (
    RELEASER,
    VERSION,
    Asked,
    Counted,
    folder,
    methods,
    names,
    project,
    registries,
    run,
    writes,
)
from benchmarks.load_projects import seed_large, write_large
from benchmarks.load_results import Figure
from benchmarks.place import environment
from tests.faults.direct import Direct
from tests.faults.exchange import Entry, Exchange
from tests.faults.proxy import Proxy, start_proxy
from tests.registry_server import Reply

FIVE_TAGS = ("{{version}}", "{{major}}.{{minor}}", "{{major}}", "edge", "latest")
FIVE_NAMES = ("1.0.0", "1.0", "1", "edge", "latest")
RATE = 5


def many_images(count: int, places: int = 2) -> Iterator[Figure]:
    """``count`` images with five tags in so many registries; then the same once more."""
    load = f"{count} images × {len(FIVE_TAGS)} tags × {places} registries"
    with registries(places) as found:
        targets = {f"r{n}": f"{one.host}/load" for n, one in enumerate(found)}
        with project(targets, names(count), FIVE_TAGS) as work:
            ran = work.release().must()
            asked = _all(found)
            check_tags(found, work.images, FIVE_NAMES)
            yield Figure(load, "cold release", ran.seconds, "s")
            yield Figure(load, "cold release, processor time of releaser", ran.cpu, "s")
            yield from _counts(load, asked)
            yield Figure(load, "memory of releaser", ran.memory, "MB")
            again = work.release().must()
            asked = _all(found)
            yield Figure(load, "nothing to do", again.seconds, "s", most=30 * count / 200)
            yield Figure(load, "nothing to do, processor time of releaser", again.cpu, "s")
            yield Figure(load, "requests, nothing to do", len(asked), "")
            yield Figure(load, "writes, nothing to do", writes(asked), "", most=0)


def many_tags(count: int, *, fixed: bool = True) -> Iterator[Figure]:
    """``count`` tags of one image: of a version's spellings where ``fixed``, else such as move."""
    kind = "that never move" if fixed else "that move"
    load = f"{count:,} tags of one image, {kind}"
    head = "{{version}}-" if fixed else ""
    written = [f"{VERSION}-t{n:04}" if fixed else f"t{n:04}" for n in range(count)]
    with registries(1) as found:
        rules = [f"{head}t{n:04}" for n in range(count)]
        with project({"r": f"{found[0].host}/load"}, tags=rules) as work:
            ran = work.release().must()
            asked = found[0].asked()
            check_tags(found, work.images, written)
            yield Figure(load, "build, upload and all tags", ran.seconds, "s", most=20)
            yield Figure(load, "processor time of releaser", ran.cpu, "s")
            yield Figure(load, "tags that were not read after they were written",
                         len(unverified(asked, written)), "", most=0)  # fmt: skip
            yield Figure(load, "memory of releaser", ran.memory, "MB")


def limited(count: int = 16, rate: int = RATE, *, says_when: bool = False) -> Iterator[Figure]:
    """``count`` images into a registry that answers 429 to more than ``rate`` requests a second.

    It tells when to come again where it ``says_when``.
    """
    told = "Retry-After" if says_when else "no Retry-After"
    load = f"{count} pushes, {rate} requests a second, {told}"
    with registries(1) as found, start_proxy(found[0].host) as proxy:
        gate = Gate(rate, says_when=says_when)
        proxy.rule(".*", "", gate, times=None)
        with project({"r": f"{proxy.host}/load"}, names(count)) as work:
            ran = work.release().must()
            check_tags(found, work.images, [VERSION])
            yield Figure(load, "all released", ran.seconds, "s")
            yield Figure(load, "requests that were let in", len(gate.let_in), "")
            yield Figure(load, "requests that were turned away", gate.refused, "")
            # before the first push there are builds, and nobody asks for anything
            share = gate.share(min(one.at for one in proxy.log if not _is_ours(one)))
            yield Figure(load, "use of what is allowed", 100 * share, "%", least=80)
            waited = longest_wait(proxy)
            yield Figure(load, "longest that one image got nothing through", waited, "s",
                         most=ran.seconds / 2)  # fmt: skip


class Gate:
    """Lets ``rate`` requests through in each second that passes, and answers 429 to others."""

    def __init__(self, rate: int, *, says_when: bool) -> None:
        self._rate, self._says_when = rate, says_when
        self._recent: deque[float] = deque()
        self._lock = threading.Lock()
        self.let_in: list[float] = []
        self.refused = 0

    def __call__(self, exchange: Exchange) -> None:
        """Take a request."""
        if self._take(time.monotonic()):
            exchange.forward()
        else:
            headers = {"Retry-After": "1"} if self._says_when else {}
            body = b'{"errors":[{"code":"TOOMANYREQUESTS","message":"too many requests"}]}'
            exchange.reply(Reply(429, {"Content-Type": "application/json", **headers}, body))

    def _take(self, now: float) -> bool:
        with self._lock:
            while self._recent and now - self._recent[0] >= 1:
                self._recent.popleft()
            if len(self._recent) >= self._rate:
                self.refused += 1
                return False
            self._recent.append(now)
            self.let_in.append(now)
            return True

    def share(self, since: float = 0.0) -> float:
        """Of what was allowed from a moment to the last request, the share that was used."""
        used = [at for at in self.let_in if at >= since]
        return len(used) / (self._rate * max(used[-1] - used[0], 1.0))


def _is_ours(entry: Entry) -> bool:
    return (entry.headers.get("User-Agent") or "").startswith("releaser/")


def longest_wait(proxy: Proxy) -> float:
    """The longest that a repository asked and asked and was turned away each time, in seconds."""
    longest = 0.0
    since: dict[str, float] = {}
    for entry in sorted(proxy.log, key=lambda one: one.at):
        name = entry.path.split("/")[3] if entry.path.count("/") > 3 else ""
        if entry.status == 429:
            since.setdefault(name, entry.at)
        elif name in since:
            longest = max(longest, entry.at - since.pop(name))
    return longest


def jobs(
    count: int = 50, size: int = 5_000_000, at_once: Sequence[int] = (1, 4, 8, 16)
) -> Iterator[Figure]:
    """``count`` images of ``size`` random bytes, built and pushed with so many jobs."""
    load = f"{count} images × {size / 1e6:.0f} MB"
    took: dict[int, float] = {}
    for number in at_once:
        with (
            registries(1) as found,
            project({"r": f"{found[0].host}/load"}, names(count), size=size) as work,
        ):
            ran = work.release("--jobs", str(number)).must()
            check_tags(found, work.images, [VERSION])
            took[number] = ran.seconds
            # more jobs than processors must not make it slower
            most = 1.2 * took[4] if number == max(at_once) and 4 in took else None
            yield Figure(load, f"--jobs {number}", ran.seconds, "s", most=most)
            yield Figure(load, f"--jobs {number}, memory of releaser", ran.memory, "MB", most=100)


def large_layer(size: int) -> Iterator[Figure]:
    """One image with a layer of ``size`` bytes, nearly all of them zeros."""
    load = f"a layer of {size / 1e9:g} GB, built and pushed"
    with registries(1) as found, project({"r": f"{found[0].host}/load"}) as work:
        with (work.home / "app" / "data").open("ab") as file:
            file.truncate(size)
        ran = work.release().must()
        check_tags(found, work.images, [VERSION])
        yield Figure(load, "seconds", ran.seconds, "s")
        yield Figure(load, "memory of releaser", ran.memory, "MB", most=100)


def large_copy(size: int) -> Iterator[Figure]:
    """An image with a layer of ``size`` random bytes, promoted from one registry to another."""
    load = f"a layer of {size / 1e9:g} GB, promoted to another registry"
    with registries(2) as found:
        targets = {"staging": f"{found[0].host}/load", "prod": f"{found[1].host}/load"}
        with project(targets) as work:
            seed_large(found[0].host, "load/app", VERSION, size)
            ran = work.run("promote", VERSION, "--from", "staging", "--to", "prod").must()
            check_tags(found, work.images, [VERSION])
            yield Figure(load, "seconds", ran.seconds, "s")
            yield Figure(load, "memory of releaser", ran.memory, "MB", most=100)


def planned(
    count: int = 500, tags: int = 20, edges: int = 5000, git_tags: int = 10_000, seeds: int = 5
) -> Iterator[Figure]:
    """A plan of a large project with a long history, with several seeds of Python's hashes."""
    load = f"plan: {count} images × {tags} tags, {edges:,} edges, {git_tags:,} git tags"
    with folder() as home:
        write_large(home, count, tags, edges, git_tags)
        settings = {**environment(), "DOCKER_HOST": "unix:///nowhere/docker.sock"}
        command = [RELEASER, "plan", "--format", "json", "--offline"]
        said = set()
        for seed in range(seeds):
            ran = run(command, home, {**settings, "PYTHONHASHSEED": str(seed)}).must()
            said.add(ran.said)
            if seed:  # the first one writes bytecode and warms the disk's cache
                yield Figure(load, "seconds", ran.seconds, "s", most=2)
                yield Figure(load, "processor time", ran.cpu, "s")
                yield Figure(load, "memory of releaser", ran.memory, "MB", most=150)
        yield Figure(load, f"different outputs of {seeds} hash seeds", len(said), "", most=1)


def check_tags(found: Sequence[Counted], images: Sequence[str], tags: Sequence[str]) -> None:
    """Read every tag from the registries themselves.

    Raises:
        RuntimeError: one is missing, or the tags of an image do not all name the same.
    """
    for one in found:
        direct = Direct(one.host)
        for image in images:
            named = {direct.digest(f"load/{image}", tag) for tag in tags}
            if len(named) != 1 or not str(named).startswith("{'sha256:"):
                raise RuntimeError(f"{one.host}/load/{image}: its tags name {named}")
        one.asked()  # ours do not count


def unverified(asked: Sequence[Asked], tags: Sequence[str]) -> list[str]:
    """The tags that no good GET has followed the last PUT of, or that were never written."""
    left = dict.fromkeys(tags, True)
    for one in asked:
        if one.tag in left and one.method in {"PUT", "GET"}:
            left[one.tag] = one.method == "PUT" or one.status != 200
    return [tag for tag, is_left in left.items() if is_left]


def _all(found: Sequence[Counted]) -> list[Asked]:
    return [asked for one in found for asked in one.asked()]


def _counts(load: str, asked: Sequence[Asked]) -> Iterator[Figure]:
    ours = [one for one in asked if one.by_us]
    for method, count in sorted(methods(ours).items()):
        yield Figure(load, f"{method} by releaser", count, "")
    yield Figure(load, "requests by the engine", len(asked) - len(ours), "")
