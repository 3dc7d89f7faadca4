#!/usr/bin/env bash
# unit tests of every module, as they are in the release build; what the build itself promises
source "$(dirname "$0")/lib.sh"
need build check
timed_build release all
# Each public header compiles alone; the binary needs nothing but glibc; the daily preset builds.
group headers tools/build.sh release all_verify_interface_header_sets
group linkage tests/tiers/linkage.sh "$MOLDAU"
timed_build dev base_test
group dev_preset build/dev/base_test
run_binaries release unit
finish
