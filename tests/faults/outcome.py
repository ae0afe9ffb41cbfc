"""The oracle of every fault: what a run may end in, and what must be true whatever it ended in.

* the exit code is among those that the fault allows;
* the registry, read past the proxy, holds what the report says, reference by reference;
* a second run without the fault ends well and writes only what was missing;
* no secret stands in any output; the time has a bound.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from tests.faults.project import USER, Ended, Project

Codes = frozenset[int]
OK: Codes = frozenset({0})
FAIL: Codes = frozenset({1})
PARTIAL: Codes = frozenset({5})
UNKNOWN: Codes = frozenset({6})
REFUSED: Codes = frozenset({3, 4})
UNTOUCHED: Codes = frozenset({1, 3, 4, 6})
"""Any honest ending in which nothing public has changed."""

WORDS = {
    -15: "killed",
    -9: "killed",
    0: "released",
    1: "failed, nothing public changed",
    2: "usage",
    3: "refused",
    4: "set-up is missing",
    5: "partly published",
    6: "unknown",
    70: "a bug",
    130: "interrupted",
    141: "stdout closed",
    143: "interrupted",
}


@dataclass
class Observed:
    """How the runs of one test ended, in the order that they were made."""

    codes: list[int] = field(default_factory=list)


@dataclass
class Judge:
    """Runs a project and holds what came out against the registry."""

    project: Project
    observed: Observed

    def expect(
        self,
        ends: Codes,
        *,
        version: str = "1.0.0",
        again: Codes = OK,
        seconds: float = 20.0,
        foreign: Collection[str] = (),
    ) -> Ended:
        """Release through the fault and judge it, then release once more without it.

        ``foreign`` are tags (not references) that somebody else writes meanwhile.
        """
        before = self.project.state()
        ran = self.project.release(version)
        self.judge(ran, ends, before, seconds=seconds, foreign=foreign)
        self.repeat(again, version=version, foreign=foreign)
        return ran

    def judge(
        self,
        ran: Ended,
        ends: Codes,
        before: dict[str, str],
        *,
        seconds: float = 20.0,
        foreign: Collection[str] = (),
    ) -> None:
        """Hold a run that has ended against what it may end in, and against the registry."""
        self.note(ran.code)
        assert ran.code in ends, ran.text
        unused = [rule for proxy in self.project.proxies() for rule in proxy.rules if not rule.used]
        assert unused == [], "the fault did not happen"
        state = self.project.state()
        self.report_is_true(ran, state, foreign)
        if ran.code in UNTOUCHED - UNKNOWN:
            assert without(state, foreign) == without(before, foreign), ran.text
        self.no_secret(ran)
        assert "Traceback" not in ran.err
        assert ran.seconds < seconds, ran.text

    def repeat(
        self, again: Codes = OK, *, version: str = "1.0.0", foreign: Collection[str] = ()
    ) -> Ended:
        """Release once more without the fault: only what was missing is written."""
        for proxy in self.project.proxies():
            proxy.calm()
        between = self.project.state()
        ran = self.project.release(version)
        assert ran.code in again, ran.text
        after = self.project.state()
        self.report_is_true(ran, after, foreign)
        written = {ref for ref in self.written() if between.get(ref) == after.get(ref)}
        assert written == set(), "written although it was there"
        self.no_secret(ran)
        return ran

    def report_is_true(
        self, ran: Ended, state: dict[str, str], foreign: Collection[str] = ()
    ) -> None:
        """Whether the registry holds what the report says of each reference."""
        doubtful = unknown(ran)
        for reference, said in ran.references().items():
            if reference in doubtful or reference.rpartition(":")[2] in foreign:
                continue
            told = said["digest"] if said["written"] else said["before"]
            assert (reference, state.get(reference)) == (reference, told), ran.text

    def no_secret(self, ran: Ended) -> None:
        """Whether the password, or what is made of it, stands in any output."""
        password = self.project.password
        encoded = base64.b64encode(f"{USER}:{password}".encode()).decode()
        assert password not in ran.text
        assert encoded not in ran.text

    def written(self) -> set[str]:
        """The public references that were written through the proxies."""
        return {
            f"{self.project.called(proxy)}/{entry.repository}:{entry.tag}"
            for proxy in self.project.proxies()
            for entry in proxy.asked("PUT", r"/manifests/(?!fp-|sha256:)")
        }

    def note(self, code: int) -> None:
        """Keep how a run ended for the table."""
        self.observed.codes.append(code)


def unknown(ran: Ended) -> set[str]:
    """The references of which the report itself says that nobody knows."""
    steps = [step for image in ran.report.get("images", ()) for step in image["steps"]]
    return {
        str(step["step"]).removeprefix("tag:")
        for step in steps
        if step["error"] and step["error"]["kind"] == "unknown"
    }


def without(state: dict[str, str], tags: Iterable[str]) -> dict[str, str]:
    """A state without these tags."""
    left_out = set(tags)
    return {ref: d for ref, d in state.items() if ref.rpartition(":")[2] not in left_out}
