#!/bin/sh
# Redis with two users: `default` with REDIS_PASSWORD for the programs, `dashboard` that may read and nothing else.
# The passwords go into a file that only Redis reads, not onto its command line.
set -eu
umask 077
conf="${REDIS_CONF:-/tmp/redis.conf}"
cat > "$conf" <<CONF
bind ${REDIS_BIND:-0.0.0.0}
port ${REDIS_PORT:-6379}
protected-mode yes
dir /tmp
save ""
appendonly no
maxmemory 384mb
maxmemory-policy noeviction
user default on >${REDIS_PASSWORD:?} ~* &* +@all
user dashboard on >${DASHBOARD_PASSWORD:?} ~* resetchannels -@all +@read +@connection +info
CONF
unset REDIS_PASSWORD DASHBOARD_PASSWORD
exec redis-server "$conf"
