#!/bin/sh
# The root may be read-only: the configuration in use is written to /tmp.
set -e

case $DISABLE_IPV6 in
  1 | [Tt][Rr][Uu][Ee] | [Yy][Ee][Ss]) address=:2375 ;;
  *) address='[::]:2375 v4v6' ;;
esac
sed "s/@ADDRESS@/$address/" /usr/local/etc/haproxy/haproxy.cfg.template >/tmp/haproxy.cfg

case $1 in
  haproxy) shift; set -- haproxy -W -db "$@" ;;
  -*) set -- haproxy -W -db "$@" ;;
esac
exec "$@"
