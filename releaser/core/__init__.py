"""The pure core: values in, values out; no clock, environment, disk, network or log."""
