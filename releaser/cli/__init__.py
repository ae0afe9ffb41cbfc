"""The command line: parse, compose the adapters, call the pipeline, map errors to exit codes."""
