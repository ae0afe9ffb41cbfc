"""From what a repository has to a first ``images.yaml``.

Each kind of source becomes a :class:`~releaser.importing.draft.Draft`, which one writer turns into
commented YAML:

    scan         Dockerfiles and files of other tools below a folder
    layout       Dockerfiles -> images: names, contexts, targets
    edges        references in Dockerfiles that mean one of the images
    bake         a bake file (HCL through hcl and expressions, or JSON)
    compose      the services of a Compose file that are built
    workflow     GitHub workflows with metadata-action and build-push-action
    places       full references -> registries, repositories, tags
    trying       what does not pass the loader and the checks is written, and not enabled
    writing      a draft as YAML

What cannot be carried over is kept in the draft as well, and said in the file and on stderr.
"""
