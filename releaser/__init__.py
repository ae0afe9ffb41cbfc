"""releaser turns one ``images.yaml`` into released container images."""

__version__ = "0.1.0"
