"""The images of a spec in the files of other tools: a pure function for each."""
