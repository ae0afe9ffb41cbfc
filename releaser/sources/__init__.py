"""What is built: the git checkout and the build contexts on disk."""
