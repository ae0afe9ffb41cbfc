"""Mistakes that are easily made in publishing, and for each a test that there must be against it.

A mistake is another text in place of one that stands in a function's source exactly once.
"""

from __future__ import annotations

from dataclasses import dataclass

WRITES = "tests/adapters/test_registry_writes.py::TestTagWrites::"
EXECUTOR = "tests/test_executor.py::"
PUBLISHING = "tests/test_publishing.py::"
INTERLEAVING = "tests/test_interleaving.py::"
ROLLING_BACK = "tests/test_rolling_back.py::"


@dataclass(frozen=True)
class Mistake:
    """What stands in ``function`` (module:name), what stands there by mistake, and who notices."""

    function: str
    right: str
    wrong: str
    test: str


MISTAKES = {
    "a 201 is trusted and nothing read back": Mistake(
        "releaser.registries.writing:_Write.run",
        "        seen = self._unread",
        "        if error is None:\n            return\n        seen = self._unread",
        f"{WRITES}test_f19_accepted_and_nothing_stored",
    ),
    "what is read back is not compared": Mistake(
        "releaser.registries.writing:_Write._read",
        "_Seen.OURS if body == self.manifest.body else _Seen.OTHER",
        "_Seen.OURS",
        f"{WRITES}test_f24_an_old_digest_for_some_seconds",
    ),
    "the bytes of a GET are not hashed": Mistake(
        "releaser.registries.reading:_fetch",
        "if not all(matches(answer.body, digest) for digest in checks if digest):",
        "if not checks:",
        "tests/adapters/test_registry_answers.py::TestAnswers::test_a_wrong_hash_twice_is_an_error",
    ),
    "the engine's word for an upload is enough": Mistake(
        "releaser.executor.work:Workers._push",
        "if local and local not in parts and not",
        "if not local and not",
        f"{EXECUTOR}test_a_push_is_believed_when_the_registry_gives_back_what_was_built",
    ),
    "latest comes first": Mistake(
        "releaser.core.stepping:Stepper.tag_steps",
        "ranks = sorted({rank for (rank, _), _ in steps})",
        "ranks = sorted({rank for (rank, _), _ in steps}, reverse=True)",
        f"{EXECUTOR}test_tags_are_written_upstreams_first_and_latest_last",
    ),
    "tags do not wait for all uploads": Mistake(
        "releaser.core.stepping:Stepper.tag_steps",
        "first = self._upload_stage + 1",
        "first = self._upload_stage",
        f"{EXECUTOR}test_tags_are_written_upstreams_first_and_latest_last",
    ),
    "errorDetail is forgotten": Mistake(
        "releaser.engines.docker_stream:error_of",
        'if "errorDetail" not in record and "error" not in record:',
        'if "error" not in record:',
        "tests/adapters/test_docker_stream.py::test_a_complaint_is_seen_under_either_key",
    ),
    "a stream that only ends is a success": Mistake(
        "releaser.engines.docker_push:PushStream.read",
        "if not done:",
        "if complaint:",
        "tests/adapters/test_docker_stream.py::test_a_stream_without_a_result_may_go_well_next_time",
    ),
    "the push has no tag": Mistake(
        "releaser.engines.docker_engine:DockerEngine._push_once",
        '{"tag": str(reference.tag or "latest")}',
        "{}",
        "tests/adapters/test_docker_engine.py::"
        "test_a_push_names_its_tag_and_carries_the_login_of_its_registry",
    ),
    "403 is tried again": Mistake(
        "releaser.registries.refusals:refused",
        "answer.status in RETRIED",
        "answer.status in RETRIED | {403}",
        f"{WRITES}test_refused_and_confirmed",
    ),
    "503 is not tried again": Mistake(
        "releaser.registries.refusals:refused",
        "answer.status in RETRIED",
        "answer.status in RETRIED - {503}",
        f"{WRITES}test_f15_refused_once[503]",
    ),
    "Retry-After is ignored": Mistake(
        "releaser.registries.client:Client._later",
        'retry_after(answer.headers.get("Retry-After"), self._clock.wall())',
        "None",
        "tests/adapters/test_distribution.py::TestRetries::test_retry_after_is_kept",
    ),
    "another host gets the login": Mistake(
        "releaser.registries.transport:_redirected",
        'headers.pop("Authorization", None)',
        "pass",
        "tests/adapters/test_registry_redirects.py::TestOtherHosts::"
        "test_a_redirect_is_followed_without_our_login",
    ),
    "a version is written over": Mistake(
        "releaser.executor.tags:TagWriter.write",
        "if now != step.before and (step.kind is TagKind.IMMUTABLE or step.guarded):",
        "if step.guarded:",
        f"{EXECUTOR}test_a_version_that_somebody_else_wrote_meanwhile_is_left_alone",
    ),
    "lines are where the plan wanted them": Mistake(
        "releaser.executor.tags:TagWriter.write",
        "if step.line is not None:",
        "if step.guarded:",
        f"{INTERLEAVING}test_two_releases",
    ),
    "lines are not looked at again after they are written": Mistake(
        "releaser.executor.tags:TagWriter._settled",
        "self._put(step, wanted, now)",
        "self._put(step, wanted, now)\n        return wanted.digest",
        f"{INTERLEAVING}test_two_releases",
    ),
    "a withdrawn version counts": Mistake(
        "releaser.executor.tags:TagWriter._goal",
        "Withdrawals.read(kept, data).versions if data is not None else frozenset()",
        "frozenset()",
        f"{ROLLING_BACK}test_a_rollback_that_comes_while_a_release_writes_keeps_the_lines",
    ),
    "lines that a rollback found right are not looked at": Mistake(
        "releaser.pipeline.rolling_back:_looks",
        "if image.withdrawals is not None else ()",
        "if image.withdrawals is None else ()",
        f"{INTERLEAVING}test_a_rollback_against_a_release[what is just released-0]",
    ),
    "a write that failed is not looked at": Mistake(
        "releaser.executor.tags:TagWriter._put",
        "there = self._look_again(step, error)",
        "there = None",
        f"{EXECUTOR}test_an_answer_that_got_lost_after_the_deed",
    ),
    "what nobody knows has failed": Mistake(
        "releaser.executor.tags:TagWriter._look_again",
        "raise UnknownError(",
        "raise StepError(",
        f"{EXECUTOR}test_a_registry_that_does_not_say_whether_it_wrote",
    ),
    "a write that cannot be noted is made": Mistake(
        "releaser.executor.journaled:Journaled.writing",
        "    self.journal.begin(key, reference, before, after)",
        "    try:\n        self.journal.begin(key, reference, before, after)\n"
        "    except ReleaserError:\n        pass",
        f"{PUBLISHING}test_what_cannot_be_noted_is_not_written",
    ),
    "moved tags are not put back": Mistake(
        "releaser.pipeline.running:_concluded",
        "if rollback and not",
        "if not rollback and not",
        f"{PUBLISHING}test_tags_that_a_failed_run_moved_are_put_back",
    ),
    "what somebody else moved is put back too": Mistake(
        "releaser.pipeline.undoing:_put_back",
        "if registry.digest(reference) != write.after:",
        "if tag is None:",
        f"{PUBLISHING}test_what_somebody_else_has_moved_since_is_left_alone",
    ),
    "nobody looks once more in the end": Mistake(
        "releaser.pipeline.running:_concluded",
        "confirm(plan, result, adapters.fresh_registry())",
        "None",
        f"{PUBLISHING}test_the_last_look_is_not_fooled",
    ),
    "a copy is not checked": Mistake(
        "releaser.executor.carrying:copy",
        "if step.checked:",
        "if not step.checked:",
        "tests/test_promoting.py::test_a_copy_that_is_not_whole_leaves_no_public_tag",
    ),
    "content that came meanwhile is removed": Mistake(
        "releaser.executor.carrying:_delete",
        "if any(found is not None and _needs(found, one.digest) for found in there.values()):",
        "if not there and one.digest is None:",
        "tests/test_pruning.py::test_a_release_that_comes_between_keeps_its_content",
    ),
}
