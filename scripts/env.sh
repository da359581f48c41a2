# What every script here starts with: the repository as working directory, the right Node first in PATH, progress lines.
# Sourced: . "$(dirname "$0")/env.sh"

repo=$(cd "$(dirname "$0")/.." && pwd)
cd "$repo"
# scripts/bootstrap puts a Node there when the system's is too old for the tools.
PATH=$repo/.cache/node/bin:$repo/node_modules/.bin:$PATH
export PATH

started=$(date +%s)
# say WHO WHAT: one progress line with the seconds since this script began
say() {
	printf '%s: [%3ds] %s\n' "$1" "$(($(date +%s) - started))" "$2"
}
