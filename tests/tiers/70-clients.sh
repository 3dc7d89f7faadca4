#!/usr/bin/env bash
# real clients against live nodes; 1 GB of real input over all codecs, a kill -9 in each transfer
# CLIENTS_MEGABYTES=N for another size of the input: 5000 is 1 GB a codec.
source "$(dirname "$0")/lib.sh"
need build java go kcat node
timed_build release moldau
if tests/clients/build.sh >"$LOGS/build.log" 2>&1; then
  for suite in kcat java tools go stream partitions; do
    group "$suite" tests/clients/run.py "$suite" "$LOGS" \
      --megabytes "${CLIENTS_MEGABYTES:-1000}"
    # What they measured; nothing asserts it.
    sed -n 's/^     //p' "$LOGS/$suite.log" | sed 's/^/        /'
  done
else
  tail -n 20 "$LOGS/build.log"
  FAILED=$((FAILED + 1))
fi
finish
