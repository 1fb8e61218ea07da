#!/usr/bin/env bash
# What the tests need beside Python: a browser for the report, Slurm and munge for the cluster tests.
# Installs what is absent where that needs no password (root on Debian or Ubuntu). Elsewhere, and when
# the installation fails, it says so and succeeds: the tests concerned are skipped and name the reason.
set -euo pipefail

declare -A package_of=([chromium]=chromium [slurmctld]=slurm-wlm [slurmd]=slurm-wlm [sbatch]=slurm-wlm [munged]=munge)
missing=()
PATH="$PATH:/usr/sbin:/sbin"
for program in "${!package_of[@]}"; do
    command -v "$program" >/dev/null || missing+=("${package_of[$program]}")
done
[ ${#missing[@]} -gt 0 ] || exit 0
mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)

by_hand="tests that need them are skipped; to run those, install: ${missing[*]}"
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "Not root on Debian or Ubuntu: $by_hand" >&2
    exit 0
fi
echo "Installing for the tests: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update && apt-get install --yes --no-install-recommends "${missing[@]}"; } </dev/null; then
    echo "apt-get failed: $by_hand" >&2
fi
