#!/usr/bin/env bash
# layers, lengths, bans, formatting, keys; that these checks and this harness find planted failures
source "$(dirname "$0")/lib.sh"
need build check
group harness tests/tiers/lib_test.sh
group tidy_test tools/tidy_test.py
group tidy tools/tidy
group config_keys tools/config_keys.py
group format tools/format.sh --check
finish
