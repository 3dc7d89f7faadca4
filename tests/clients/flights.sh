#!/usr/bin/env bash
# Real input: prints the path of a file of 200,000 lines, each one flight as a JSON object. They are
# the elements of data/flights-200k.json in the npm package vega-datasets, as they stand there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
source ../../tools/setup.sh

package=vega-datasets@3.2.1
sha256=9f0a470fd4c13d9f8f423b6840b6480ac414817f4cefab579aff383df1b7d127
lines=$MOLDAU_CACHE/${package/@/-}/flights-200k.lines

if ! [ -s "$lines" ]; then
  need node
  part=$(dirname "$lines").part
  rm -rf "$part"
  mkdir -p "$part"
  (cd "$part" && npm pack --silent "$package" >/dev/null)
  tar xzf "$part"/*.tgz -C "$part" --strip-components=2 package/data/flights-200k.json
  # One array without line breaks: cut between its objects.
  sed -e 's/^\[//' -e 's/\]$//' -e 's/},{/}\n{/g' "$part/flights-200k.json" >"$part/lines"
  echo >>"$part/lines"
  echo "$sha256  $part/lines" | sha256sum --check --quiet >&2
  mkdir -p "$(dirname "$lines")"
  mv "$part/lines" "$lines"
  rm -rf "$part"
fi
echo "$lines"
