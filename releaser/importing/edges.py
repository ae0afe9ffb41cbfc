"""Which references in Dockerfiles mean an image of the draft that goes by another name there.

``FROM acme/base:latest`` is the image "base" though it goes to ghcr.io/acme/shop/base: the draft
says so in ``needs``, with a comment, since it is a guess.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from releaser.core.dockerfile import Dockerfile, target_use
from releaser.core.oci import DOCKER_HUB, Reference, Repository
from releaser.core.template import render_known
from releaser.errors import SpecError
from releaser.importing.draft import Draft, ImageDraft, Value, effective

OFFICIAL = frozenset({
    "adminer", "alpine", "amazoncorretto", "archlinux", "bash", "busybox", "caddy", "cassandra",
    "centos", "clojure", "composer", "consul", "couchdb", "dart", "debian", "docker", "drupal",
    "eclipse-temurin", "elasticsearch", "elixir", "erlang", "fedora", "gcc", "ghost", "golang",
    "gradle", "groovy", "haproxy", "haskell", "httpd", "influxdb", "jenkins", "jetty", "joomla",
    "julia", "kibana", "kong", "logstash", "mariadb", "maven", "mediawiki", "memcached", "mongo",
    "mysql", "nats", "neo4j", "nextcloud", "nginx", "node", "openjdk", "oraclelinux", "perl", "php",
    "postgres", "pypy", "python", "rabbitmq", "redis", "registry", "rocket.chat", "rockylinux",
    "ruby", "rust", "scratch", "solr", "sonarqube", "swift", "tomcat", "traefik", "ubuntu", "vault",
    "wordpress", "zookeeper",
})  # fmt: skip
"""Names on Docker Hub that are everybody's."""
PUBLISHERS = frozenset({
    "amazon", "bitnami", "circleci", "docker", "fluent", "gitlab", "golangci", "google", "grafana",
    "hashicorp", "istio", "jenkins", "kindest", "localstack", "microsoft", "minio", "mozilla",
    "nvidia", "opensearchproject", "oven", "prom", "rancher", "selenium", "sonatype", "temporalio",
    "tonistiigi",
})  # fmt: skip
PUBLIC_HOSTS = frozenset(
    {"gcr.io", "mcr.microsoft.com", "quay.io", "public.ecr.aws", "docker.elastic.co"}
    | {"registry.k8s.io", "nvcr.io", "registry.access.redhat.com", "cgr.dev"}
)


def with_edges(draft: Draft, dockerfiles: Mapping[str, Dockerfile], owner: str) -> Draft:
    """The draft with what its images stand on; ``dockerfiles`` by their path, ``owner`` is the
    account that the repository belongs to."""
    linking = _Linking(draft, dockerfiles, owner)
    return draft.with_images(linking.image(one) for one in draft.images)


@dataclass(slots=True)
class _Linking:
    draft: Draft
    dockerfiles: Mapping[str, Dockerfile]
    owner: str
    own: dict[Repository, str] = field(default_factory=dict)
    mentions: dict[str, list[tuple[str, Reference]]] = field(default_factory=dict)
    edges: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        by_name = {one.name: one for one in self.draft.images}
        whole = [effective(one, by_name) for one in self.draft.images]
        self.mentions = {one.name: list(self._mentioned(one)) for one in whole}
        for image in self.draft.images:
            for repository in self._repositories(image):
                self.own.setdefault(repository, image.name)
        for name, found in self.mentions.items():
            native = {self._native(text, reference) for text, reference in found}
            self.edges[name] = {one for one in native if one and one != name}

    def image(self, image: ImageDraft) -> ImageDraft:
        """An image with its needs and its upstreams."""
        needs: dict[str, Value] = {}
        comments = []
        for text, reference in self.mentions[image.name]:
            native = self._native(text, reference)
            if native is not None and self._stands_on(native, reference.repository):
                if native != image.name and text == native:
                    self.edges[image.name].discard(native)
                    needs[text] = None
                    comments.append(f"{text} is the public image, on which {native} stands too.")
                continue
            meant = None if native else self._meant(image.name, reference)
            if meant is not None:
                needs[text] = meant
                self.edges[image.name].add(meant)
                comments.append(f"{text} is taken for the image {meant} of this file.")
        known = image.fields.get("needs")
        if needs:
            image = image.having(needs={**needs, **(known if isinstance(known, dict) else {})})
        return replace(image.said(*comments), upstreams=frozenset(self.edges[image.name]))

    def _mentioned(self, image: ImageDraft) -> Iterator[tuple[str, Reference]]:
        """The references of an image's Dockerfile, as its arguments expand them."""
        dockerfile = self.dockerfiles.get(path_of(image))
        if dockerfile is None:
            return
        for text in _references(dockerfile, image, self._known(image)):
            try:
                reference = Reference.parse(text)
            except SpecError:
                continue
            if reference.digest is None:
                yield text, reference

    def _known(self, image: ImageDraft) -> dict[str, str]:
        found = {f"vars.{name}": _default(one) for name, one in self.draft.vars.items()}
        return {**found, "image": image.name, "project": self.draft.project}

    def _repositories(self, image: ImageDraft) -> Iterator[Repository]:
        path = str(image.fields.get("repository") or image.name)
        for one in self.draft.registries.values():
            prefix = str(one["prefix"] if isinstance(one, dict) else one)
            try:
                yield Repository.parse(render_known(f"{prefix}/{path}", self._known(image)))
            except SpecError:
                continue

    def _native(self, text: str, reference: Reference) -> str | None:
        """The image that a reference belongs to without a word in the file."""
        if any(text == one.name for one in self.draft.images):
            return text
        return self.own.get(reference.repository)

    def _stands_on(self, image: str, repository: Repository) -> bool:
        """Whether an image is built on what a reference names: then that is another image."""
        return any(one.repository == repository for _, one in self.mentions[image])

    def _meant(self, image: str, reference: Reference) -> str | None:
        repository = reference.repository
        last = repository.path.rpartition("/")[2]
        for one in self.draft.images:
            names = {one.name, str(one.fields.get("repository", one.name)).rpartition("/")[2]}
            names |= {f"{self.draft.project}-{one.name}"}
            if last not in names or one.name == image or not one.enabled:
                continue
            if self._is_somebody_s(repository) or self._stands_on(one.name, repository):
                continue
            if image not in self._upstreams(one.name):
                return one.name
        return None

    def _is_somebody_s(self, repository: Repository) -> bool:
        """Whether a repository is known to be others', whatever images there are here."""
        account = repository.path.partition("/")[0]
        if account == self.owner:
            return False
        if repository.registry != DOCKER_HUB:
            return repository.registry in PUBLIC_HOSTS
        if account == "library":
            return repository.path.partition("/")[2] in OFFICIAL
        return account in PUBLISHERS

    def _upstreams(self, image: str) -> set[str]:
        seen: set[str] = set()
        ahead = [image]
        while ahead:
            for one in self.edges.get(ahead.pop(), ()):
                if one not in seen:
                    seen.add(one)
                    ahead.append(one)
        return seen | {image}


def path_of(image: ImageDraft) -> str:
    """An image's Dockerfile, as seen from the folder of the file."""
    context = str(image.fields.get("context", "."))
    dockerfile = str(image.fields.get("dockerfile", "Dockerfile"))
    return posixpath.normpath(posixpath.join(context, dockerfile))


def _default(value: Value) -> str:
    value = value.get("default", "") if isinstance(value, dict) else value
    return str(value).lower() if isinstance(value, bool) else str(value)


def _references(
    dockerfile: Dockerfile, image: ImageDraft, known: Mapping[str, str]
) -> Iterable[str]:
    args = image.fields.get("args")
    pairs = args.items() if isinstance(args, dict) else ()
    given = {key: render_known(str(one), known) for key, one in pairs if one is not None}
    contexts = image.fields.get("additional_contexts")
    target = image.fields.get("target")
    try:
        use = target_use(
            dockerfile,
            str(target) if target is not None else None,
            given,
            contexts=set(contexts) if isinstance(contexts, dict) else set(),
        )
    except SpecError:
        return ()
    return dict.fromkeys(one.reference for one in use.images)
