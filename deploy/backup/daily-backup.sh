#!/bin/sh
# Runs base-backup.sh whenever the newest copy in FOLDER is a day old, until it is stopped.
#   daily-backup.sh FOLDER [KEEP]
# It may be restarted at any time: a copy that is younger is kept, and none is made.
set -eu
[ $# -ge 1 ] || { echo "usage: daily-backup.sh FOLDER [KEEP]" >&2; exit 2; }
scripts=$(dirname "$0")
while :; do
    since=$(date -u -d '1 day ago' +%Y%m%dT%H%M%SZ)
    recent=$(ls "$1/base" 2>/dev/null | awk -v since="$since" '/^[0-9]/ && $0 > since')
    if [ -z "$recent" ]; then
        "$scripts/base-backup.sh" "$@" || echo "daily-backup.sh: no copy was made. The next attempt is in a minute." >&2
    fi
    sleep 60
done
