#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Refuses the functions that docs/banned.md names, in all C code of the tree. TAP.
set -euo pipefail
cd "$(dirname "$0")/.."

# The code without comments and string contents, line numbers kept; lines with "banned ok:" are
# left out.
strip() {
    awk '
    /banned ok:/ { print ""; next }
    {
        line = $0; out = ""
        while (line != "") {
            if (in_comment) {
                end = index(line, "*/")
                if (!end) { line = ""; break }
                line = substr(line, end + 2); in_comment = 0; continue
            }
            if (match(line, /"([^"\\]|\\.)*"|\/\*|\/\//)) {
                token = substr(line, RSTART, RLENGTH)
                out = out substr(line, 1, RSTART - 1)
                if (token == "//") { line = ""; break }
                if (token == "/*") in_comment = 1; else out = out "\"\""
                line = substr(line, RSTART + RLENGTH); continue
            }
            out = out line; line = ""
        }
        print out
    }' "$1"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
find collector web client tests \( -name '*.c' -o -name '*.h' \) -not -path '*/node_modules/*' |
    sort >"$work/files"
while read -r file; do
    strip "$file" | awk -v file="$file" '{ print file ":" NR ": " $0 }'
done <"$work/files" >"$work/code"

count=0
failed=0
result() {
    count=$((count + 1))
    if [ -s "$work/found" ]; then
        failed=1
        printf 'not ok %d - %s\n' "$count" "$1"
        sed 's/^/# /' "$work/found"
    else
        printf 'ok %d - %s\n' "$count" "$1"
    fi
}
while read -r name; do
    grep -E "^[^ ]+ (.*[^A-Za-z0-9_.>])?$name *\(" "$work/code" >"$work/found" || true
    result "$name is not used"
done < <(sed -n 's/^| `\([a-z0-9_]*\)` |.*/\1/p' docs/banned.md)
grep -E '[^A-Za-z0-9_](getenv|setlocale) *\(' "$work/code" |
    grep -vE '^(collector/(main|app)\.c|collector/config/|tests/|client/(example|keys\.c))' \
        >"$work/found" || true
result "getenv and setlocale only at start"
printf '1..%d\n' "$count"
exit "$failed"
