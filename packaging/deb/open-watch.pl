#!/usr/bin/perl
# Tells, one line each, which files of a directory are opened and closed: Node's own fs.watch asks inotify for neither.
#
#   perl open-watch.pl DIRECTORY      prints `open NAME` and `close NAME`, and `anew` when the directory is watched from now on
#
# After `anew` whoever listens has to find out by itself what is open: at the start, when the directory comes (it may be
# missing, its parent not), and when events were lost. Ends when nobody reads any more, or with a last line `problem TEXT`.
# perl-base alone, which every Debian has: no syscall.ph, no module for inotify.
use strict;
use warnings;
use Config;

# arch/*/include/generated/uapi/asm/unistd*.h: inotify_init1, inotify_add_watch
my %numbers = (
    x86_64      => [294, 254],
    i686        => [332, 292],
    i386        => [332, 292],
    aarch64     => [26,  27],
    riscv64     => [26,  27],
    loongarch64 => [26,  27],
    arm         => [360, 317],
    powerpc64le => [318, 276],
    s390x       => [324, 285],
);

# include/uapi/linux/inotify.h
use constant {
    IN_CLOSE_WRITE   => 0x8,
    IN_CLOSE_NOWRITE => 0x10,
    IN_OPEN          => 0x20,
    IN_MOVED_TO      => 0x80,
    IN_CREATE        => 0x100,
    IN_Q_OVERFLOW    => 0x4000,
    IN_IGNORED       => 0x8000,
    IN_ONLYDIR       => 0x01000000,
    IN_CLOEXEC       => 0x80000,
};
use constant IN_CLOSE => IN_CLOSE_WRITE | IN_CLOSE_NOWRITE;

my ($directory) = @ARGV;
fail('usage: open-watch.pl DIRECTORY') if !defined($directory) || $directory !~ m{^(/.*)/([^/]+)$};
my ($parent, $own) = ($1, $2);

my ($machine) = $Config{archname} =~ /^([^-]+)/;
my $calls = $numbers{$machine} or fail("the numbers of system calls on $machine are not known");
my ($inotify_init1, $inotify_add_watch) = @$calls;

my $fd = syscall($inotify_init1, IN_CLOEXEC);
fail("inotify_init1: $!") if $fd < 0;
open(my $events, '<&=', $fd) or fail("fdopen: $!");

my $inside = -1;
my $above = watch($parent, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
fail("inotify_add_watch $parent: $!") if $above < 0;
say_all(begin());

while (1) {
    my $read = sysread($events, my $bytes, 65536);
    next if !defined($read) && $!{EINTR};
    fail("read: $!") if !$read;
    my $said = '';
    for (my $at = 0; $at < $read;) {
        my ($watch, $mask, undef, $length) = unpack('iL3', substr($bytes, $at, 16));
        my $name = unpack('Z*', substr($bytes, $at + 16, $length));
        $at += 16 + $length;
        if ($mask & IN_Q_OVERFLOW) {
            $said .= "anew\n";
        } elsif ($watch == $above) {
            $said .= begin() if $name eq $own;
            exit 0 if $mask & IN_IGNORED;
        } elsif ($watch == $inside && $mask & IN_IGNORED) {
            $inside = -1;
        } elsif ($watch == $inside && $name ne '' && $name !~ /\n/) {
            $said .= "open $name\n" if $mask & IN_OPEN;
            $said .= "close $name\n" if $mask & IN_CLOSE;
        }
    }
    say_all($said);
}

sub watch {
    my ($path, $mask) = @_;
    return syscall($inotify_add_watch, $fd + 0, "$path\0", $mask);
}

sub begin {
    $inside = watch($directory, IN_OPEN | IN_CLOSE | IN_ONLYDIR);
    fail("inotify_add_watch $directory: $!") if $inside < 0 && !$!{ENOENT};
    # Also without the directory: nothing can be open in it then.
    return "anew\n";
}

sub say_all {
    my ($text) = @_;
    while (length($text)) {
        my $written = syswrite(STDOUT, $text);
        exit 0 if !defined($written) && !$!{EINTR};
        $text = substr($text, $written // 0);
    }
}

sub fail {
    my ($text) = @_;
    say_all("problem $text\n");
    exit 1;
}
