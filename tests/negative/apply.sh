#!/bin/sh
# apply.sh SOURCE_ROOT PATCH FOLDER FILE...: copies of the files, with the bug of the patch in them, into the folder.
set -eu
root=$1 patch=$2 folder=$3
shift 3
rm -rf "$folder"
for file; do
  mkdir -p "$folder/$(dirname "$file")"
  cp "$root/$file" "$folder/$file"
done
if ! said=$(patch --directory="$folder" --strip=1 --fuzz=0 --forward --batch <"$patch" 2>&1); then
  echo "$said" >&2
  echo "$patch no longer applies to $*. Make the same bug in today's source, write the difference anew with" >&2
  echo "  git diff -- $* >$patch" >&2
  echo "and take the bug out of the source again (git restore $*)." >&2
  rm -rf "$folder"
  exit 1
fi
