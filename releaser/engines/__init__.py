"""The adapters that build images and hold them: BuildKit, and the Docker Engine."""
