#!/bin/sh
# Starts Redis, two proxies and nginx on this machine, and ends all of them with Ctrl-C: http://127.0.0.1:8080 is the page.
# Needs redis-server (or valkey-server), nginx, and `cargo build --release` and `npm run build` before it.
set -eu
cd "$(dirname "$0")/.."

vivavoce=${VIVAVOCE:-target/release/vivavoce}
work=$(mktemp -d)
export REDIS_URL="${REDIS_URL:-redis://127.0.0.1:6390}"

running=
trap 'kill $running 2>/dev/null || true; wait; rm -rf "$work"' EXIT
trap 'exit 0' INT TERM

redis=$(command -v valkey-server || command -v redis-server)
"$redis" --port "${REDIS_URL##*:}" --bind 127.0.0.1 --save '' --appendonly no > "$work/redis.log" &
running="$running $!"
# Without a key both talk with one simulator: one in each would not know the other's conversations.
upstream=
if [ -z "${GEMINI_API_KEY:-}" ]; then
    "$vivavoce" sim --port 9080 &
    running="$running $!"
    upstream="--upstream ws://127.0.0.1:9080"
fi
for proxy in 1 2; do
    # shellcheck disable=SC2086 # nothing, or two words
    "$vivavoce" serve --config "deploy/proxy-$proxy.toml" $upstream &
    running="$running $!"
done
"$(command -v nginx || echo /usr/sbin/nginx)" -p "$work" -e "$work/error.log" -c "$PWD/deploy/nginx.conf" \
    -g "daemon off; pid $work/nginx.pid;" &
running="$running $!"
wait
