"""What ``init --from`` reads, by name; light, since the command line completes it."""

WORKFLOW = "metadata-action-workflow"
KINDS = ("bake", "compose", WORKFLOW)
