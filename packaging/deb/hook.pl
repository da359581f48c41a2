#!/usr/bin/perl
# Hands what Proxmox or LXC told a hook to the agent's socket and says what it answers: hook.pl proxmox|lxc ARG…
#
# On any doubt it becomes the Node hook, which asks over D-Bus, spools and sweeps. No modules: perl starts in 3 ms, with
# Socket it takes 10 ms more, and each start of a guest waits for this. The protocol: src/api/hook-request.ts.

my $socket = '/run/ovs-port-agent/hook.sock';
my $settings = '/run/ovs-port-agent/hook.json';
my $lib = '/usr/lib/ovs-port-agent';
my $node = '/usr/bin/node';
# An agent that is alive says "heard" in a millisecond or two; one that does not hangs, and the guest does not wait for it.
my $heard_within = 2;

my ($kind, @args) = @ARGV;
my $id = '';

# doubt [WHY]: with WHY the agent was asked and Node need not ask again; the event keeps its id, should the agent have it yet.
sub doubt {
	my ($why) = @_;
	alarm 0;
	$SIG{PIPE} = $SIG{ALRM} = 'DEFAULT';
	close AGENT;
	delete @ENV{qw(OVS_PORT_AGENT_EVENT_ID OVS_PORT_AGENT_GAVE_UP)};
	$ENV{OVS_PORT_AGENT_EVENT_ID} = $id if $id ne '';
	$ENV{OVS_PORT_AGENT_GAVE_UP} = $why if defined $why;
	$ENV{NODE_OPTIONS} = '';
	exec { $node } $node, "$lib/$kind-hook.cjs", @args;
	exit 127;
}

# One line of the answer, or undef when it has not come after so many seconds, or never will: then $closed is true.
my ($buffer, $closed) = ('', 0);
sub line_within {
	my ($left) = @_;
	my $end;
	until (($end = index $buffer, "\n") >= 0) {
		my $wanted = '';
		vec($wanted, fileno AGENT, 1) = 1;
		my $ready;
		# Linux leaves in $left what is left of the time. 4 is EINTR; %! would load a module.
		($ready, $left) = select $wanted, undef, undef, $left;
		next if $ready < 0 && $! == 4;
		return undef if $ready <= 0;
		my $got = sysread AGENT, $buffer, 65536, length $buffer;
		$closed = !$got || length $buffer > 131072;
		return undef if $closed;
	}
	my $line = substr $buffer, 0, $end + 1, '';
	chop $line;
	return $line;
}

sub first_line {
	open my $file, '<', $_[0] or return '';
	my $line = <$file>;
	return defined $line ? $line : '';
}

# Owned by whoever runs this: root, or nobody whom the agent would hear.
doubt() unless -S $socket && -O _;
$SIG{PIPE} = 'IGNORE';
$id = first_line('/proc/sys/kernel/random/uuid');
chomp $id;

my @env = map { "$_=$ENV{$_}" } grep { /\ALXC_|\APVE_MIGRATED_FROM\z/ } sort keys %ENV;
my $request = join "\0", 'ovs-port-agent hook 1', $kind, $id, $$, scalar @args, @args, @env;
doubt() if length $request > 65536;

# AF_UNIX and SOCK_STREAM of every Linux but MIPS, where connecting fails and Node takes over.
socket AGENT, 1, 1, 0 or doubt();
$SIG{ALRM} = sub { doubt('it does not take calls') };
alarm $heard_within;
connect AGENT, pack 'S a108', 1, $socket or doubt();
alarm 0;
my $sent = syswrite AGENT, $request;
doubt() unless defined $sent && $sent == length $request;
shutdown AGENT, 1;

my ($deadline_ms) = first_line($settings) =~ /"deadlineMs":(\d{1,9})\b/;
my $deadline = ($deadline_ms || 10_000) / 1000;
my $heard = line_within($deadline < $heard_within ? $deadline : $heard_within);
# Closed: it is going away, or does not understand, and Node finds out. Silent: it hangs.
doubt($closed ? undef : 'it does not react') unless defined $heard;
doubt() unless $heard eq 'heard';
my $answer = line_within($deadline);
doubt($closed ? undef : 'it did not answer in time') unless defined $answer;
doubt() unless $answer =~ /\A([03]) (.*)\z/s;
print "ovs-port-agent: $2\n";
exit $1;
