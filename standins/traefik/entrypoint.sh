#!/bin/sh
# Options alone, or one of traefik's own commands, mean traefik.
set -e
if [ "${1#-}" != "$1" ] || { [ "$1" != traefik ] && traefik "$1" --help >/dev/null 2>&1; }; then
  set -- traefik "$@"
fi
exec "$@"
