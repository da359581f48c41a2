# What a person sees of the demo: progress with seconds, commands with their output, and the table at the end.

rows=()
broken=0

title() { printf '\n%s\n' "$(say demo "$1")"; }

# seconds_since EPOCHREALTIME: one decimal
seconds_since() { awk -v from="$1" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.1f", to - from }'; }

# promise WHAT CMD...: runs it; a row of the table says whether it held, and how long it took
promise() {
	local what=$1 began=$EPOCHREALTIME code=0
	shift
	"$@" || code=$?
	note "$what" "$code" "$(seconds_since "$began")"
}

# note WHAT EXIT-CODE SECONDS: returns the exit code
note() {
	local mark=✓
	[ "$2" = 0 ] || { mark=✗ && broken=$((broken + 1)); }
	rows+=("$(printf '  %s %-44s %6s s' "$mark" "$1" "$3")")
	[ "$mark" = ✓ ] || say demo "NOT SO: $1"
	return "$2"
}

# show CMD...: runs it in the host, the way it looks in a terminal there
show() {
	printf '    # %s\n' "$*"
	in_host "$@" </dev/null 2>&1 | sed 's/^/    /'
}

# relay WHO: passes progress lines on, without the clock of the script that they come from; says so when one takes long
relay() {
	local line='' next code
	while true; do
		IFS= read -r -t 20 next
		code=$?
		if [ $code = 0 ]; then
			line=$(sed -E 's/^[a-z]+: (\[[ 0-9]*s\] )?//' <<<"$next")
			say demo "$1: $line"
		elif [ $code -gt 128 ]; then
			say demo "$1: still at it (${line:-starting})"
		else
			return 0
		fi
	done
}

summary() {
	printf '\n'
	printf '%s\n' "${rows[@]}"
	if [ "$broken" = 0 ]; then
		printf '\nAll of it held, in %s s.\n' "$(($(date +%s) - started))"
		return 0
	fi
	printf '\n%s of it did NOT hold; see above, and %s/.\n' "$broken" "$logs"
	return 1
}
