#!/usr/bin/perl
# Starts programs for the agent: a small process forks faster than a large one, and the agent does not stand still meanwhile.
#
#   perl launch.pl        requests on standard input, answers on standard output; src/core/lib/launch-frames.ts says their form
#
# A program is over when it has ended and nobody writes to its output any more. When the requests end, so does this, once all
# that it started is over. perl-base alone, which every Debian has: no POSIX, no syscall.ph.
use strict;
use warnings;
use Config;

# include/uapi/linux/sched.h, fcntl.h; seconds
use constant { CHUNK => 65536, CLONE_NEWNET => 0x40000000, F_SETFL => 4, O_NONBLOCK => 0x800, POLL => 0.002, POLL_LONGEST => 0.05 };

# arch/*/include/generated/uapi/asm/unistd*.h: setns
my %numbers = (
    x86_64      => 308,
    i686        => 346,
    i386        => 346,
    aarch64     => 268,
    riscv64     => 268,
    loongarch64 => 268,
    arm         => 375,
    powerpc64le => 350,
    s390x       => 339,
);
my ($machine) = $Config{archname} =~ /^([^-]+)/;
my $setns = $numbers{$machine};

$SIG{PIPE} = 'IGNORE';
my %running;
my $requests = '';
my $is_asked = 1;
say_frame(0, 'h', '');

while ($is_asked || %running) {
    my ($readable, $writable) = ('', '');
    vec($readable, fileno(STDIN), 1) = 1 if $is_asked;
    my $wait;
    for my $run (values %running) {
        vec($readable, fileno($_), 1) = 1 for values %{$run->{says}};
        vec($writable, fileno($run->{hears}), 1) = 1 if $run->{hears};
        next if %{$run->{says}};
        $wait = $run->{poll} if !defined($wait) || $run->{poll} < $wait;
    }
    my $found = select($readable, $writable, undef, $wait);
    next if $found < 0;
    for my $id (keys %running) {
        my $run = $running{$id};
        feed($run) if $run->{hears} && vec($writable, fileno($run->{hears}), 1);
        for my $kind (keys %{$run->{says}}) {
            pass_on($id, $run, $kind) if vec($readable, fileno($run->{says}{$kind}), 1);
        }
        see_end($id, $run) if !%{$run->{says}};
    }
    take_requests() if $is_asked && vec($readable, fileno(STDIN), 1);
}

sub take_requests {
    my $read = sysread(STDIN, $requests, CHUNK, length($requests));
    return if !defined($read) && $!{EINTR};
    $is_asked = 0 if !$read;
    while (length($requests) >= 4) {
        my $length = unpack('N', $requests);
        last if length($requests) < 4 + $length;
        my ($id, @words) = unpack('N (N/a)*', substr($requests, 4, $length));
        substr($requests, 0, 4 + $length) = '';
        my $what = shift(@words);
        start($id, @words) if $what eq 'run';
        stop($id, @words) if $what eq 'kill';
    }
}

# The words after the variables, of which there are `$count`, are the program's arguments.
sub start {
    my ($id, $space, $file, $input, $count, @rest) = @_;
    my %environment = splice(@rest, 0, 2 * $count);
    my ($hears, $hear, $says, $say, $complains, $complain, $fails, $fail);
    my $is_ready =
        ($input eq '' ? open($hear, '<', '/dev/null') : pipe($hear, $hears))
        && pipe($says, $say)
        && pipe($complains, $complain)
        && pipe($fails, $fail);
    my $process = $is_ready ? fork() : undef;
    return say_frame($id, 'f', "spawn $file: $!") if !defined($process);
    if ($process == 0) {
        syswrite($fail, become($hear, $say, $complain, $space, $file, \%environment, @rest));
        exit 127;
    }
    $running{$id} = {
        process => $process,
        says    => { o => $says, e => $complains },
        fails   => $fails,
        poll    => POLL,
        $hears ? (hears => $hears, input => $input) : (),
    };
    fcntl($hears, F_SETFL, O_NONBLOCK) if $hears;
}

# Comes back only with a reason why it could not.
sub become {
    my ($hear, $say, $complain, $space, $file, $environment, @arguments) = @_;
    $SIG{PIPE} = 'DEFAULT';
    open(STDIN, '<&', $hear) or return "spawn $file: $!";
    open(STDOUT, '>&', $say) or return "spawn $file: $!";
    open(STDERR, '>&', $complain) or return "spawn $file: $!";
    %ENV = %$environment;
    no warnings 'exec';
    if ($space ne '' && !defined($setns)) {
        exec {'nsenter'} 'nsenter', "--net=$space", '--', $file, @arguments;
        return "spawn nsenter: $!";
    }
    if ($space ne '') {
        open(my $network, '<', $space) or return "nsenter: cannot open $space: $!";
        syscall($setns, fileno($network), CLONE_NEWNET) == 0
            or return "nsenter: reassociate to namespace '$space' failed: $!";
    }
    exec {$file} $file, @arguments;
    return $space eq '' ? "spawn $file: $!" : "nsenter: failed to execute $file: $!";
}

sub feed {
    my ($run) = @_;
    my $written = syswrite($run->{hears}, $run->{input});
    return if !defined($written) && ($!{EINTR} || $!{EAGAIN});
    substr($run->{input}, 0, $written // length($run->{input})) = '';
    delete $run->{hears} if $run->{input} eq '';
}

sub pass_on {
    my ($id, $run, $kind) = @_;
    my $read = sysread($run->{says}{$kind}, my $text, CHUNK);
    return if !defined($read) && $!{EINTR};
    return say_frame($id, $kind, $text) if $read;
    delete $run->{says}{$kind};
}

sub see_end {
    my ($id, $run) = @_;
    if (waitpid($run->{process}, 1) == 0) {    # WNOHANG
        $run->{poll} *= 2 if $run->{poll} < POLL_LONGEST;
        return;
    }
    my $status = $?;
    delete $running{$id};
    # What it was to be has this end open no more: it was replaced, or it has ended.
    sysread($run->{fails}, my $problem, CHUNK);
    return say_frame($id, 'f', $problem) if defined($problem) && $problem ne '';
    say_frame($id, 'x', pack('N', $status));
}

# Of one that is to end nobody wants to hear more: what it has left with its output could hold that for ever.
sub stop {
    my ($id, $signal) = @_;
    my $run = $running{$id} or return;
    kill($signal, $run->{process});
    $run->{says} = {};
    delete $run->{hears};
}

sub say_frame {
    my ($id, $kind, $text) = @_;
    my $frame = pack('N N a a*', 5 + length($text), $id, $kind, $text);
    while (length($frame)) {
        my $written = syswrite(STDOUT, $frame);
        exit 0 if !defined($written) && !$!{EINTR};
        substr($frame, 0, $written // 0) = '';
    }
}
