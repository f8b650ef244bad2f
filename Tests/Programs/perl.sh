# SPDX-License-Identifier: Apache-2.0
#
# Perl: hashes, strings that grow, regular expressions, sorting, closures and a fork with a pipe.

tools=(perl)
packages=(perl)
witness=(perl)
limit=60

run() {
  under 60 perl -e '
    use strict; use warnings;
    my $n = shift; my (%h, @a); my $x = 12345;
    sub rnd { $x = ($x * 1103515245 + 12345) & 0x7fffffff; return $x }
    for my $i (1 .. $n) { my $k = "key" . (rnd() % 50000); $h{$k} .= chr(97 + $i % 26); push @{$a[$i % 97]}, $k; }
    my $len = 0; $len += length($h{$_}) for keys %h;
    print scalar(keys %h), " $len\n";
    my @s = sort { $h{$a} cmp $h{$b} || $a cmp $b } keys %h; print "$s[0] $s[-1]\n";
    my $text = join(" ", map { "$_=$h{$_}" } @s); my $hits = 0;
    $hits++ while $text =~ /key(\d+)7=(\w*?)q/g; print length($text), " $hits\n";
    (my $t = $text) =~ s/(\d+)/<$1>/g; print length($t), "\n";
    delete @h{@s[0 .. @s / 2]}; print scalar(keys %h), "\n";
    my @tree; for my $i (1 .. 2000) { my $node = {id => $i, kids => []}; push @{$tree[$i / 2]{kids}}, $node if $i > 1;
      $tree[$i] = $node; } print scalar(@tree), "\n";
    pipe(my $r, my $w); my $pid = fork();
    if (!$pid) { close $r; my %c = map { $_ => 1 } @s; print $w scalar(keys %c), "\n"; close $w; exit 0; }
    close $w; print "child: ", scalar(<$r>); waitpid($pid, 0); print "status $?\n";
  ' "$(pick 1000000 200000)"
  under 60 perl -MData::Dumper -MMIME::Base64 -MDigest::SHA=sha256_hex -MStorable=freeze,thaw -MEncode -e '
    my $d = { map { $_ => [1 .. $_ % 50] } 1 .. 5000 }; $Storable::canonical = 1; my $f = freeze($d);
    print sha256_hex($f), " ", scalar(keys %{thaw($f)}), "\n";
    print sha256_hex(encode_base64($f)), " ", length(decode("UTF-8", "\xc3\xa9" x 100000)), "\n";'
}
