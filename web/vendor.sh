#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Make what the pages stand on, from its npm packages, into a file each of the tree that is served
# and distributed. Run by make where it is missing or older than web/package-lock.json; a released
# archive has it already.
# Usage: web/vendor.sh SOURCE_DIRECTORY
set -eu
cd "$1/web"
if ! cmp -s package-lock.json node_modules/.installed; then
    npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error
    cp package-lock.json node_modules/.installed
fi
mkdir -p ui/vendor
# What a version before this one left, which would be served too.
rm -rf ui/vendor/directives ui/vendor/directive.js ui/vendor/directive-helpers.js
node vendor.mjs node_modules/lit-html >ui/vendor/lit-html.js.new
mv ui/vendor/lit-html.js.new ui/vendor/lit-html.js
# One file as it is, but for the line that names a file that is not served.
sed '/^\/\/# sourceMappingURL=/d' node_modules/marked/lib/marked.esm.js >ui/vendor/marked.js.new
mv ui/vendor/marked.js.new ui/vendor/marked.js
