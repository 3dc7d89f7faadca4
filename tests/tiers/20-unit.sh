#!/usr/bin/env bash
# unit tests of every module, as they are in the release build
source "$(dirname "$0")/lib.sh"
need build
timed_build release all
run_binaries release unit
finish
