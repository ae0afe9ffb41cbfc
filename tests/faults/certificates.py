"""Certificates of our own, good and bad, made by the ``openssl`` program."""

from __future__ import annotations

import ssl
import subprocess
import warnings
from pathlib import Path

NAME = "registry.example"


class Certificates:
    """Self-signed certificates for ``registry.example``, each its own authority.

    ``good``; ``expired`` (signed by the good one's key); ``elsewhere`` is for another name;
    ``unknown`` is signed by nobody who is trusted; ``old`` is good, and its server speaks TLS 1.0
    at most.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: set[str] = set()
        self._make("good", NAME)

    def file(self, kind: str) -> Path:
        """The certificate that vouches for servers: for ``unknown`` it is somebody else's."""
        if kind == "unknown":
            self._make("stranger", "stranger.example")
            return self._folder / "stranger.pem"
        return self._folder / f"{kind}.pem"

    def context(self, kind: str) -> ssl.SSLContext:
        """What a server with such a certificate is made with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        own = {"unknown": "good", "old": "good"}.get(kind, kind)
        if kind == "expired":
            self._expire()
        elif kind == "elsewhere":
            self._sign(kind, "elsewhere.example", "20200101000000Z", "20400101000000Z")
        context.load_cert_chain(self._folder / f"{own}.pem", self._folder / f"{own}.key")
        if kind == "old":
            context.set_ciphers("ALL:@SECLEVEL=0")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
                context.maximum_version = ssl.TLSVersion.TLSv1
        return context

    def _expire(self) -> None:
        self._sign("expired", NAME, "20200101000000Z", "20210101000000Z")

    def _make(self, kind: str, name: str) -> None:
        if kind not in self._made:
            self._openssl(
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
                "-keyout", f"{kind}.key", "-out", f"{kind}.pem",
            )  # fmt: skip
            self._made.add(kind)

    def _sign(self, kind: str, name: str, begin: str, end: str) -> None:
        """A certificate that the good one signs, for a time of our choice."""
        folder = self._folder
        (folder / f"{kind}.cnf").write_text(
            f"[ca]\ndefault_ca = d\n[d]\ndatabase = {folder}/{kind}.index\n"
            f"new_certs_dir = {folder}\nserial = {folder}/{kind}.serial\ndefault_md = sha256\n"
            f"policy = p\nx509_extensions = x\n[p]\ncommonName = supplied\n"
            f"[x]\nsubjectAltName = DNS:{name}\n"
        )
        (folder / f"{kind}.index").write_text("")
        (folder / f"{kind}.serial").write_text("01\n")
        self._openssl(
            "req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}",
            "-keyout", f"{kind}.key", "-out", f"{kind}.csr",
        )  # fmt: skip
        self._openssl(
            "ca", "-batch", "-config", f"{kind}.cnf", "-cert", "good.pem", "-keyfile", "good.key",
            "-in", f"{kind}.csr", "-out", f"{kind}.pem", "-startdate", begin, "-enddate", end,
        )  # fmt: skip

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(
            ["openssl", *arguments], cwd=self._folder, check=True, capture_output=True, timeout=60
        )
