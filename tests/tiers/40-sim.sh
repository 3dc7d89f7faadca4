#!/usr/bin/env bash
# the whole broker in virtual time: crashes under hundreds of seeds, planted bugs found
source "$(dirname "$0")/lib.sh"
need build
timed_build release all
run_binaries release sim
finish
