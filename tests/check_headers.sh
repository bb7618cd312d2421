#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every header compiles alone, first in a file, with gcc and as strict as the tree. TAP.
# Usage: tests/check_headers.sh BUILD-DIRECTORY (configured; for its flags)
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build}
cc=${CC:-gcc}
mapfile -t flags < <(make -C "$build" -s --no-print-directory print-cflags)
if [ "${#flags[@]}" = 0 ]; then
    echo "Bail out! no compiler flags from $build: is it configured?"
    exit 1
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
count=0
failed=0
while read -r header; do
    count=$((count + 1))
    if printf '#include "%s"\nextern int tw_check_headers;\n' "$PWD/$header" |
        (cd "$build" && "$cc" "${flags[@]}" -D_GNU_SOURCE -fsyntax-only -x c -) 2>"$log"; then
        printf 'ok %d - %s compiles alone\n' "$count" "$header"
    else
        failed=1
        printf 'not ok %d - %s compiles alone\n' "$count" "$header"
        sed 's/^/# /' "$log"
    fi
done < <(find collector web client tests -name '*.h' -not -path '*/node_modules/*' | sort)
printf '1..%d\n' "$count"
exit "$failed"
