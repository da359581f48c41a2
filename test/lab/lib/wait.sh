# Waiting for what has no event.

# until_true SECONDS CMD...: asks every 50 ms
until_true() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.05
  done
}
