# What a person sees while lab works: progress with elapsed seconds, errors in one line.

lab_started=$EPOCHREALTIME

elapsed() { awk -v a="$lab_started" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'; }
say() { printf 'lab: %s\n' "$*" >&2; }
die() {
  say "$*"
  exit 1
}
bad_usage() {
  say "usage: $*"
  exit 2
}

# show_tail FILE: the end of a log, indented, so that a failure explains itself
show_tail() {
  say "last lines of $1:"
  tail -n 40 "$1" | sed 's/^/  | /' >&2
}
