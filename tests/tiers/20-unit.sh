#!/usr/bin/env bash
# unit tests of every module, as they are in the release build; each public header compiles alone
source "$(dirname "$0")/lib.sh"
need build
timed_build release all
group headers tools/build.sh release all_verify_interface_header_sets
run_binaries release unit
finish
