#!/bin/sh
# Copies a running server to FOLDER/base/TIME, checks the copy, and deletes older copies and the log that only they need.
#   base-backup.sh FOLDER [KEEP]     KEEP: how many copies stay, 7 by default
# Where the server is and who logs in say PGHOST, PGPORT, PGUSER and PGPASSFILE; the role needs REPLICATION.
set -eu
umask 077
[ $# -ge 1 ] || { echo "usage: base-backup.sh FOLDER [KEEP]" >&2; exit 2; }
folder=$1 keep=${2:-7}
case $keep in *[!0-9]* | "" | 0) echo "base-backup.sh: KEEP must be at least 1" >&2; exit 2 ;; esac
unfinished=$folder/base/unfinished
mkdir -p "$folder/base"
rm -rf "$unfinished"   # of a run that was interrupted
pg_basebackup --pgdata="$unfinished" --checkpoint=fast --wal-method=stream
pg_verifybackup --quiet "$unfinished"
# The time is that of its end: a server can be restored to any moment from then on.
finished=$folder/base/$(date -u +%Y%m%dT%H%M%SZ)
mv "$unfinished" "$finished"
sync "$folder/base"
ls "$folder/base" | grep '^[0-9]' | sort -r | tail -n +$((keep + 1)) | while read -r old; do
    rm -rf "${folder:?}/base/$old"
done
oldest=$folder/base/$(ls "$folder/base" | grep '^[0-9]' | sort | head -n 1)
first=$(sed -n 's/^START WAL LOCATION: .*(file \([0-9A-F]*\))$/\1/p' "$oldest/backup_label")
[ -d "$folder/wal" ] && pg_archivecleanup "$folder/wal" "$first"
echo "$finished"
