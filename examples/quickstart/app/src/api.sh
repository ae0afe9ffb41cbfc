#!/bin/sh
echo "api @VERSION@"
