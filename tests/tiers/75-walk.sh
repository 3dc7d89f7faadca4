#!/usr/bin/env bash
# README.md as a stranger walks through it: ./run, its first steps, kill -9, ./run again
source "$(dirname "$0")/lib.sh"
need build kcat java go
timed_build release moldau
group walk tests/walk/walk.py "$LOGS"
finish
