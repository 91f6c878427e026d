#!/bin/sh
# Prepares a data directory from the newest copy before a moment, so that PostgreSQL replays its log up to that moment when it starts.
#   restore.sh FOLDER DATA [TIME]    TIME: such as "2026-03-01 14:05:00+00"; without it, everything in the archive is replayed
# Run it as the user of PostgreSQL, with the server stopped. DATA must not exist or be empty.
set -eu
umask 077
[ $# -ge 2 ] || { echo "usage: restore.sh FOLDER DATA [TIME]" >&2; exit 2; }
folder=$(cd "$1" && pwd) data=$2 target=${3:-}
if [ -d "$data" ] && [ -n "$(ls -A "$data")" ]; then
    echo "restore.sh: $data is not empty. Move it away; it may have what the archive lacks." >&2
    exit 1
fi
latest=99999999T999999Z
[ -z "$target" ] || latest=$(date -u -d "$target" +%Y%m%dT%H%M%SZ)
copy=$(ls "$folder/base" | grep '^[0-9]' | sort | awk -v latest="$latest" '$0 <= latest' | tail -n 1)
[ -n "$copy" ] || { echo "restore.sh: no copy in $folder/base is as old as $target" >&2; exit 1; }
pg_verifybackup --quiet "$folder/base/$copy"
mkdir -p "$data"
chmod 700 "$data"
cp -R "$folder/base/$copy/." "$data/"
{
    echo "restore_command = 'cp \"$folder/wal/%f\" \"%p\"'"
    echo "recovery_target_action = 'promote'"
    [ -z "$target" ] || echo "recovery_target_time = '$target'"
} >>"$data/postgresql.auto.conf"
touch "$data/recovery.signal"
echo "$data is ready from $copy. Start PostgreSQL; when it accepts writes, the log has been replayed."
