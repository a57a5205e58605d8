#!/bin/sh
# The image's first word picks the role; anything else is run as it is. `exec`: signals reach Node itself.
set -eu
case "${1:-start}" in
start) exec node start.ts ;;
gateway) exec node --single-threaded-gc gateway/main.ts ;;
subgraph) exec node subgraphs/main.ts "${2:?expected the name of a subgraph}" ;;
*) exec "$@" ;;
esac
