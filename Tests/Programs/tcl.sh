# SPDX-License-Identifier: Apache-2.0
#
# Tcl with its own object allocator above malloc, in several threads where the package Thread is there.

tools=(tclsh)
packages=(tcl)
witness=('tclsh.*')
limit=60

run() {
  cat >script.tcl <<'TCL'
set n [lindex $argv 0]
for {set i 0} {$i < $n} {incr i} {
  set k [expr {($i * 7919) % 10007}]
  dict lappend d $k [string repeat x [expr {$i % 40}]]
  append s($k) $i
}
set total 0
dict for {k v} $d { incr total [string length $v] }
puts "[dict size $d] $total [array size s]"
puts [llength [lsort -unique [regexp -all -inline {\d+7} [array get s]]]]
proc fib {n} { if {$n < 2} { return $n }; expr {[fib [expr {$n - 1}]] + [fib [expr {$n - 2}]]} }
puts [fib 18]
for {set i 0} {$i < 200} {incr i} { set child [interp create]; $child eval {set x [lrepeat 1000 a]}; interp delete $child }
puts done
TCL
  under 60 tclsh script.tcl "$(pick 300000 60000)"
}
