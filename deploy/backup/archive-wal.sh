#!/bin/sh
# Keeps a finished segment of PostgreSQL's write-ahead log. PostgreSQL runs it:
#   archive_command = '/opt/megarouter/backup/archive-wal.sh /var/backups/megarouter "%p" %f'
# It succeeds only when the segment is on the disk, and never replaces another one of the same name.
set -eu
umask 077
[ $# -eq 3 ] || { echo "usage: archive-wal.sh FOLDER PATH NAME" >&2; exit 2; }
folder=$1/wal path=$2 name=$3
mkdir -p "$folder"
if [ -e "$folder/$name" ]; then
    cmp -s "$path" "$folder/$name" && exit 0
    echo "archive-wal.sh: $folder/$name exists with other content. Two servers archive to one folder." >&2
    exit 1
fi
cp "$path" "$folder/.$name"
sync "$folder/.$name"
mv "$folder/.$name" "$folder/$name"
sync "$folder"
