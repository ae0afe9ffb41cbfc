"""Small repositories laid out as well-known public ones are: text by path, and a git remote.

``MONOREPO`` is a Go monorepo whose services copy from its root, ``CHAIN`` Jupyter's docker-stacks
with their bases in ARGs, ``TARGETS`` one Dockerfile for several programs, ``COMPOSE`` Docker's
voting app, ``BAKE`` a bake project with groups, inheritance, named contexts and a matrix.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tests.git_repository import Repo


@dataclass(frozen=True)
class Layout:
    """A repository; ``edges`` are those that its images must come out with."""

    files: dict[str, str]
    remote: str = ""
    edges: set[tuple[str, str]] = field(default_factory=set)

    def lay(self, root: Path) -> Path:
        """Write it below ``root`` as a git checkout with one commit, tagged as 1.0.0."""
        repo = Repo(root)
        for name, text in self.files.items():
            repo.write(name, text)
        repo("add", "--all")
        repo("commit", "--quiet", "--message", "first")
        repo("tag", "v1.0.0")
        if self.remote:
            repo("remote", "add", "origin", self.remote)
        return root


def service(name: str, base: str = "alpine:3.20") -> str:
    """A Dockerfile that copies from the root of its repository."""
    return f"""\
FROM golang:1.22 AS build
WORKDIR /src
COPY go.mod go.sum ./
COPY libs ./libs
COPY services/{name} ./services/{name}
RUN go build -o /out ./services/{name}

FROM {base}
COPY --from=build /out /usr/bin/{name}
"""


MONOREPO = Layout(
    {
        "go.mod": "module example.com/shop\n",
        "go.sum": "",
        "libs/log/log.go": "package log\n",
        "images/base/Dockerfile": "FROM alpine:3.20\nCOPY certs /etc/ssl/certs\n",
        "images/base/certs/ca.pem": "",
        "services/api/Dockerfile": service("api", "ghcr.io/acme/shop/base:latest"),
        "services/api/main.go": "package main\n",
        "services/worker/Dockerfile": service("worker", "acme/base:1"),
        "services/worker/main.go": "package main\n",
        "web/Dockerfile": "FROM node:22 AS build\nCOPY package.json .\nCOPY src src\n"
        "FROM build AS test\nRUN npm test\nFROM nginx:1.27\nCOPY --from=build /dist /srv\n",
        "web/package.json": "{}",
        "web/src/index.js": "",
        "docker/tools.Dockerfile": "FROM alpine:3.20\n"
        "RUN --mount=type=secret,id=pip-token true\nCOPY scripts /scripts\n",
        "scripts/run.sh": "",
        "node_modules/left-pad/Dockerfile": "FROM scratch\n",
        ".devcontainer/Dockerfile": "FROM scratch\n",
    },
    "https://ci:glpat-SeCrEt@github.com/Acme/Shop.git",
    {("api", "base"), ("worker", "base")},
)

_NEXT = """\
ARG REGISTRY=quay.io
ARG OWNER=jupyter
ARG BASE_IMAGE=$REGISTRY/$OWNER/{}
FROM $BASE_IMAGE
"""

CHAIN = Layout(
    {
        "images/docker-stacks-foundation/Dockerfile": "ARG ROOT_IMAGE=ubuntu:24.04\n"
        "FROM $ROOT_IMAGE\nCOPY fix-permissions /usr/local/bin/\n",
        "images/docker-stacks-foundation/fix-permissions": "",
        "images/base-notebook/Dockerfile": _NEXT.format("docker-stacks-foundation")
        + "COPY start-notebook.py /usr/local/bin/\n",
        "images/base-notebook/start-notebook.py": "",
        "images/minimal-notebook/Dockerfile": _NEXT.format("base-notebook") + "RUN true\n",
        "images/scipy-notebook/Dockerfile": _NEXT.format("minimal-notebook") + "RUN true\n",
        "images/r-notebook/Dockerfile": _NEXT.format("minimal-notebook") + "RUN true\n",
    },
    "git@github.com:jupyter/docker-stacks.git",
    {
        ("base-notebook", "docker-stacks-foundation"),
        ("minimal-notebook", "base-notebook"),
        ("scipy-notebook", "minimal-notebook"),
        ("r-notebook", "minimal-notebook"),
    },
)

TARGETS = Layout(
    {
        "Dockerfile": """\
# syntax=docker/dockerfile:1
FROM golang:1.22 AS base
WORKDIR /src
COPY go.mod .
FROM base AS build
COPY cmd cmd
FROM build AS lint
RUN golangci-lint run
FROM build AS unit-test
RUN go test ./...
FROM alpine:3.20 AS common
RUN adduser -D app
FROM common AS server
COPY --from=build /out/server /usr/bin/server
FROM common AS agent
COPY --from=build /out/agent /usr/bin/agent
FROM scratch AS cli
COPY --from=build /out/cli /cli
""",
        "go.mod": "module example.com/fleet\n",
        "cmd/main.go": "package main\n",
        "Dockerfile.dev": "FROM golang:1.22\nCOPY . .\n",
        "Dockerfile.dockerignore": "*.md\n",
    },
    "https://gitlab.com/acme/platform/fleet.git",
)

COMPOSE = Layout(
    {
        "docker-compose.yml": """\
name: voting
x-build: &build
  args: &args
    VERSION: ${VERSION:-1.10}
services:
  vote:
    image: ${REGISTRY:-dockersamples}/vote:${TAG:-latest}
    build:
      <<: *build
      context: ./vote
      target: final
      platforms: &both [linux/amd64, linux/arm64]
    depends_on: {redis: {condition: service_healthy}}
    ports: ["8080:80"]
  result:
    build: ./result
    depends_on: [db]
  worker:
    build:
      context: .
      dockerfile: worker/Dockerfile
      args: ["MODE=release", FROM_SHELL]
      additional_contexts: {shared: ./shared, base: "service:vote"}
      secrets: [nuget]
      ulimits: {nofile: 1024}
      platforms: *both
  seed:
    extends: {service: worker}
    profiles: [data]
    build: {target: seed}
    image: dockersamples/seed
  redis: {image: "redis:alpine"}
  db: {image: "postgres:15-alpine"}
secrets:
  nuget: {environment: NUGET_TOKEN}
""",
        "docker-compose.override.yml": "services: {}\n",
        "vote/Dockerfile": "ARG VERSION\nFROM python:3.11-slim AS base\nCOPY app.py .\n"
        'FROM base AS dev\nRUN pip install watchdog\nFROM base AS final\nCMD ["gunicorn"]\n',
        "vote/app.py": "",
        "result/Dockerfile": "FROM node:18-slim\nCOPY . .\n",
        "result/server.js": "",
        "worker/Dockerfile": "FROM mcr.microsoft.com/dotnet/sdk:7.0 AS build\n"
        "COPY worker/Program.cs .\nCOPY --from=shared / /shared\n"
        "FROM base AS seed\nCOPY --from=build /s /s\nFROM base\nCOPY --from=build /app /app\n",
        "worker/Program.cs": "",
        "shared/x": "",
        "healthchecks/Dockerfile": "FROM scratch\nCOPY redis.sh /\n",
        "healthchecks/redis.sh": "",
    },
    "git@bitbucket.org:acme/voting.git",
    {("worker", "vote"), ("seed", "vote")},
)

BAKE = Layout(
    {
        "docker-bake.hcl": """\
# What CI builds.
variable "TAG" {
  default = "1.0.0"
  description = "what is released"
}
variable "REGISTRY" { default = "ghcr.io/acme/shop" }
variable "PYTHONS" { default = ["3.11", "3.12"] }

function "ref" {
  params = [name]
  result = "${REGISTRY}/${name}"
}

group "default" { targets = ["services", "runtimes"] }
group "services" { targets = ["api", "web"] }
group "runtimes" { targets = ["py"] }

target "_common" {
  args = {
    DEBIAN = "bookworm"
    UNSET  = null
  }
  labels    = { "org.opencontainers.image.vendor" = "acme" }
  platforms = ["linux/amd64", "linux/arm64"]
  secret    = ["id=pip,env=PIP_TOKEN"]
}

target "_cached" {
  cache-from = ["type=registry,ref=${REGISTRY}/cache", "type=gha"]
  cache-to   = ["type=inline"]
}

target "base" {
  description = "what the services stand on"
  inherits    = ["_common"]
  context     = "base"
  tags        = ["${REGISTRY}/base:${TAG}"]
}

target "api" {
  inherits   = ["_common", "_cached"]
  context    = "."
  dockerfile = "services/api/Dockerfile"
  target     = "runtime"
  contexts = {
    baseimage = "target:base"
    proto     = "libs/proto"
  }
  args    = { LEVEL = "${TAG}-x", SHOUT = upper("${TAG}-rc") }
  secret  = [{ id = "npm", src = "npm.txt" }]
  tags    = ["${REGISTRY}/api:${TAG}", notequal("", TAG) ? "${REGISTRY}/api:latest" : ""]
  network = "none"
  shm-size = "128m"
  extra-hosts = { "packages.example" = "10.0.0.7" }
}

target "web" {
  inherits   = ["api"]
  context    = "services/web"
  dockerfile = "Dockerfile"
  target     = "final"
  contexts   = { baseimage = "target:base" }
  no-cache   = true
  tags       = ["${REGISTRY}/web:${TAG}"]
}

target "py" {
  inherits = ["_common"]
  name     = "py-${replace(version, ".", "-")}-${flavor.name}"
  matrix = {
    version = PYTHONS
    flavor = [
      { name = "slim", packages = "" },
      { name = "full", packages = "gcc make" },
    ]
  }
  context = "py"
  args = {
    PYTHON   = version
    PACKAGES = flavor.packages
  }
  tags = ["${REGISTRY}/py:${version}-${flavor.name}-${TAG}"]
}
""",
        "base/Dockerfile": "FROM alpine\n",
        "services/api/Dockerfile": "FROM baseimage AS runtime\nARG LEVEL\n"
        "COPY --from=proto / /proto\nCOPY services/api/app /app\n",
        "services/api/app": "",
        "services/web/Dockerfile": "FROM baseimage AS final\nCOPY --from=proto / /proto\n"
        "COPY . .\n",
        "libs/proto/x.proto": "",
        "npm.txt": "",
        "py/Dockerfile": "ARG PYTHON=3\nFROM python:${PYTHON}\nARG PACKAGES\nRUN true\n",
    },
    "",
    {("api", "base"), ("web", "base")},
)

LAYOUTS = {
    "monorepo": MONOREPO,
    "chain": CHAIN,
    "targets": TARGETS,
    "compose": COMPOSE,
    "bake": BAKE,
}
