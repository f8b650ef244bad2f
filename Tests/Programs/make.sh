# SPDX-License-Identifier: Apache-2.0
#
# make -j2 over a generated tree of small C files with pattern rules, an archive and a program that is then run.

tools=(make gcc ar)
packages=(make gcc binutils)
witness=(make '(.*-)?gcc(-[0-9]+)?' cc1 '(.*-)?as' '(.*-)?ar')
limit=90

prepare() {
  cd "$PROGRAM_SHARED"
  local i n
  n=$(pick 80 30)
  for ((i = 0; i < n; i++)); do
    printf '#include <stdlib.h>\n#include <string.h>\nint f%d(int x) { char *p = calloc(%d, 3); strcpy(p, "ab"); x += p[0] + %d; free(p); return x; }\n' \
      "$i" "$((i + 1))" "$i" >"f$i.c"
  done
  {
    echo '#include <stdio.h>'
    for ((i = 0; i < n; i++)); do echo "int f$i(int);"; done
    echo 'int main(void) { int x = 0;'
    for ((i = 0; i < n; i++)); do echo "x = f$i(x);"; done
    echo 'printf("%d\n", x); return 0; }'
  } >main.c
  cat >Makefile <<'MAKE'
sources := $(sort $(wildcard f*.c))
objects := $(patsubst %.c,%.o,$(sources))
define rule
$(1).stamp: $(1).o
	@echo $(words $(subst /, ,$(CURDIR))) > $$@
endef
program: main.o libparts.a
	gcc -o $@ $^
libparts.a: $(objects) $(objects:.o=.stamp)
	ar rcD $@ $(objects)
%.o: %.c
	gcc -O1 -c -o $@ $<
$(foreach object,$(objects),$(eval $(call rule,$(basename $(object)))))
MAKE
}

run() {
  cp "$PROGRAM_SHARED"/* .
  under 80 make -j2 >log
  sort log
  under 20 ./program
  digest libparts.a
  under 20 make -j2 -q && echo "nothing left to make"
}
