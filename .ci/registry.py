"""Ask a registry over plain http. Standard library only: it runs before anything is installed."""  # noqa: INP001

import http.client
import json
import sys

MANIFEST_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)


def probe(host: str) -> str:
    """Say what holds the port: a registry, something other, or nothing (free)."""
    connection = http.client.HTTPConnection(host, timeout=5)
    try:
        connection.request("GET", "/v2/")
        answer = connection.getresponse()
    except ConnectionRefusedError:
        return "free"
    except (OSError, http.client.HTTPException):
        return "other"
    is_registry = answer.getheader("Docker-Distribution-Api-Version") == "registry/2.0"
    return "registry" if is_registry else "other"


def missing(host: str, references: list[str]) -> list[str]:
    """Those of the references that the registry does not hold."""
    connection = http.client.HTTPConnection(host, timeout=10)
    absent = []
    for reference in references:
        name, _, tag = reference.rpartition(":")
        headers = {"Accept": ", ".join(MANIFEST_TYPES)}
        connection.request("HEAD", f"/v2/{name}/manifests/{tag}", headers=headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != http.client.OK:
            absent.append(reference)
    return absent


def listing(host: str, prefix: str) -> list[str]:
    """One line for each repository under the prefix, with its tags."""
    connection = http.client.HTTPConnection(host, timeout=10)

    def ask(path: str, key: str) -> list[str]:
        connection.request("GET", path)
        return json.load(connection.getresponse()).get(key) or []

    lines = []
    for name in ask("/v2/_catalog?n=1000", "repositories"):
        if name.startswith(prefix):
            tags = ", ".join(sorted(ask(f"/v2/{name}/tags/list", "tags"))) or "(no tag)"
            lines.append(f"{host}/{name}: {tags}")
    return lines


def main(host: str, command: str, *rest: str) -> None:
    """Answer one of the three questions on standard output."""
    match command:
        case "probe":
            lines = [probe(host)]
        case "missing":
            lines = missing(host, list(rest))
        case "list":
            lines = listing(host, *(rest or ("",)))
        case _:
            sys.exit(f"unknown command: {command}")
    sys.stdout.writelines(line + "\n" for line in lines)


if __name__ == "__main__":
    main(*sys.argv[1:])
