#!/usr/bin/env bash
# Snakemake runs this in the working directory, a clone of Segmill, with the new environment active.
set -euo pipefail
pip install --no-deps --no-build-isolation --editable "$PWD"
