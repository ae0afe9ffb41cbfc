"""Which stages, images, context paths and arguments a target of a Dockerfile uses.

:func:`parse` reads a Dockerfile's text as BuildKit does; :func:`target_use` answers, for one
target, a set of build arguments and the names of additional contexts, which stages are reached,
what they take from outside, and which text counts for a fingerprint. Nothing is executed and
nothing is looked up: what the triggers (ONBUILD) and the environment of base images hold is not
known here.

The sources of truth are the Dockerfile reference
(https://docs.docker.com/reference/dockerfile/) and, where that is silent, BuildKit's
``frontend/dockerfile``.

    model    what a Dockerfile says and what a target uses: values
    lexer    quotes, escapes, variables
    reader   physical lines to logical lines, directives, heredocs
    grammar  logical lines to instructions and stages
    names    what FROM and --from mean
    usage    what a target uses
"""

from releaser.core.dockerfile.grammar import parse
from releaser.core.dockerfile.model import (
    Directives,
    Dockerfile,
    Heredoc,
    ImageUse,
    Instruction,
    PathUse,
    Stage,
    TargetUse,
    UrlUse,
)
from releaser.core.dockerfile.usage import target_use

__all__ = [
    "Directives",
    "Dockerfile",
    "Heredoc",
    "ImageUse",
    "Instruction",
    "PathUse",
    "Stage",
    "TargetUse",
    "UrlUse",
    "parse",
    "target_use",
]
