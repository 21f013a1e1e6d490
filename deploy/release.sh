#!/bin/sh
# Builds what a server needs into a folder: the program and the page. deploy/Dockerfile runs the same.
# Usage: deploy/release.sh [FOLDER]; needs rustup's cargo, Node and a C compiler.
set -eu
out=${1:-release}
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$(dirname "$0")/.."

[ -d node_modules ] || npm ci --no-audit --no-fund
npm run --silent build
cargo build --release --locked -p vivavoce-proxy
target=${CARGO_TARGET_DIR:-target}
# What of it is for people who look for faults is a third of its size.
strip -o "$out/vivavoce" "$target/release/vivavoce"
rm -rf "$out/page"
cp -R dist "$out/page"
"$out/vivavoce" check
ls -l "$out/vivavoce"
