# SPDX-License-Identifier: Apache-2.0
#
# Loads and unloads shared objects in a loop on several threads, with thread-local storage in them, and calls into them.

tools=(gcc)
packages=(gcc)
witness=(loader)
limit=60

prepare() {
  cd "$PROGRAM_SHARED"
  cat >part.c <<'C'
#include <stdlib.h>
#include <string.h>
static __thread char local[2000];
static char *kept;
__attribute__((constructor)) static void opened(void) { kept = calloc(100, 7); }
__attribute__((destructor)) static void closed(void) { free(kept); }
long work(long x) {
  char *text = malloc(100 + x % 5000);
  memset(text, (int)x, 100);
  local[x % 2000]++;
  x += text[50] + local[7] + kept[3];
  free(text);
  return x;
}
C
  cat >loader.c <<'C'
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
static int rounds;
static void *turn(void *argument) {
  long id = (long)argument, sum = 0;
  for (int i = 0; i < rounds; i++) {
    char path[64];
    snprintf(path, sizeof path, "./part%ld.so", (id + i) % 8);
    void *object = dlopen(path, i % 2 ? RTLD_NOW : RTLD_LAZY | RTLD_LOCAL);
    if (!object) { fprintf(stderr, "%s\n", dlerror()); exit(1); }
    long (*work)(long) = (long (*)(long))dlsym(object, "work");
    sum += work(i) - i >= 0;
    if (dlsym(object, "absent") || !dlerror()) exit(2);
    if (dlopen("./absent.so", RTLD_NOW)) exit(3);
    dlclose(object);
  }
  return (void *)sum;
}
static void *once(void *argument) { return turn(argument); }
int main(int count, char **arguments) {
  (void)count;
  rounds = atoi(arguments[1]);
  pthread_t threads[8];
  long total = 0;
  for (int wave = 0; wave < 10; wave++) {
    for (long i = 0; i < 8; i++) pthread_create(&threads[i], NULL, once, (void *)i);
    for (int i = 0; i < 8; i++) { void *sum; pthread_join(threads[i], &sum); total += (long)sum; }
  }
  printf("%ld\n", total);
}
C
  for i in 0 1 2 3 4 5 6 7; do gcc -O2 -shared -fPIC -o "part$i.so" part.c; done
  gcc -O2 -pthread -o loader loader.c
}

run() {
  cd "$PROGRAM_SHARED"
  under 60 ./loader "$(pick 150 30)"
}
