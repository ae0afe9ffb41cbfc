"""Pictures of plans and of runs: text, JSON, Markdown; and the progress of a run, line by line."""
