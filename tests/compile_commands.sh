#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Write BUILD-DIRECTORY/compile_commands.json for clang-tidy and editors: every C file of the tree
# with the flags of that build directory (made with clang: gcc-only flags are errors to it).
# Usage: tests/compile_commands.sh BUILD-DIRECTORY
set -eu
build=$(cd "$1" && pwd)
root=$(cd "$(dirname "$0")/.." && pwd)
flags=$(make -C "$build" -s --no-print-directory print-cflags)
cd "$root"
{
    printf '%s\n' "$flags" "-I$root/tests"
    echo
    find collector web client tests -name '*.c' -not -path '*/node_modules/*' | sort
} | awk -v build="$build" -v root="$root" '
    function quoted(text) {
        gsub(/\\/, "\\\\", text); gsub(/"/, "\\\"", text)
        return "\"" text "\""
    }
    BEGIN { printf "["; arguments = quoted("clang") }
    !in_files && $0 == "" { in_files = 1; next }
    !in_files { arguments = arguments ", " quoted($0); next }
    {
        printf "%s\n{\"directory\": %s, \"file\": %s, \"arguments\": [%s, \"-c\", %s]}",
            count++ ? "," : "", quoted(build), quoted(root "/" $0), arguments, quoted(root "/" $0)
    }
    END { print "\n]" }' >"$build/compile_commands.json.new"
mv "$build/compile_commands.json.new" "$build/compile_commands.json"
