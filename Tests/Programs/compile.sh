# SPDX-License-Identifier: Apache-2.0
#
# gcc, g++, clang and swiftc compiling generated sources, and the linkers: the same object code with every allocator.

tools=(gcc g++ clang swiftc ld)
packages=(gcc g++ clang binutils)
witness=('(.*-)?gcc(-[0-9]+)?' cc1 cc1plus 'clang(-[0-9]+)?' '(.*-)?ld(\..*)?' swift-frontend)
limit=150

prepare() {
  cd "$PROGRAM_SHARED"
  awk -v n="$(pick 700 120)" 'BEGIN {
    print "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\nstruct node { struct node *next; long value; };"
    for (i = 0; i < n; i++) printf "static long f%d(struct node *p, long x) {\n  long s = x;\n  switch (x %% 7) { case 0: s += %d; break; case 3: s *= 3; break; case 5: s ^= x << %d; break; default: s--; }\n  for (; p; p = p->next) s = s * %d + (p->value ^ %d);\n  char b[64]; snprintf(b, sizeof b, \"%%ld-%d\", s);\n  return s + (long)strlen(b);\n}\n", i, i, i % 13, 31 + i, i * 7, i
    print "int main(void) { struct node n = {0, 5}; long s = 1;"
    for (i = 0; i < n; i++) printf "s = f%d(&n, s);\n", i
    print "printf(\"%ld\\n\", s); return 0; }" }' >big.c
  cat >big.cpp <<'CPP'
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <regex>
#include <string>
#include <thread>
#include <unordered_map>
#include <variant>
#include <vector>
template <int N> struct Tower { static int value(int x) { return Tower<N - 1>::value(x * N + 1) ^ N; } };
template <> struct Tower<0> { static int value(int x) { return x; } };
using Cell = std::variant<int, double, std::string, std::shared_ptr<std::vector<int>>>;
int main() {
  std::map<std::string, std::vector<Cell>> table;
  for (int i = 0; i < 1000; i++) table[std::to_string(i % 37)].push_back(i % 3 ? Cell(i) : Cell(std::to_string(i)));
  std::regex pattern("([a-z]+)-([0-9]{2,5})|(x?y*z+)");
  std::smatch match;
  std::string text = "hello-1234 zzz";
  long sum = 0;
  while (std::regex_search(text, match, pattern)) { sum += match.position() + match.length(); text = match.suffix(); }
  std::vector<std::thread> threads;
  std::vector<long> partial(4);
  for (int t = 0; t < 4; t++) threads.emplace_back([&, t] {
    std::unordered_map<int, std::string> local;
    for (int i = 0; i < 20000; i++) local[i * 7919 % 1009] += 'a';
    for (auto &pair : local) partial[t] += static_cast<long>(pair.second.size()) * pair.first;
  });
  for (auto &thread : threads) thread.join();
  try { throw std::runtime_error("thrown"); } catch (const std::exception &error) { std::cout << error.what() << '\n'; }
  std::cout << Tower<200>::value(3) << ' ' << sum << ' ' << std::accumulate(partial.begin(), partial.end(), 0L) << ' '
            << table.size() << '\n';
}
CPP
  awk -v n="$(pick 120 40)" 'BEGIN {
    print "protocol Shape { associatedtype Unit; func area() -> Double; func unit() -> Unit? }"
    for (i = 0; i < n; i++) printf "struct S%d: Shape, Hashable { var a = %d.5; var tags: [String: [Int]] = [:]\n  func area() -> Double { a * Double(tags.values.reduce(0) { $0 + $1.count } + %d) }\n  func unit() -> Int? { tags[\"k%d\"]?.map { $0 * %d }.filter { $0 %% 2 == 0 }.max() } }\n", i, i, i, i, i
    print "var total = 0.0"
    for (i = 0; i < n; i++) printf "do { var s = S%d(); s.tags[\"k%d\"] = Array(0..<%d); total += s.area() + Double(s.unit() ?? 0) }\n", i, i, i + 1
    print "print(total)" }' >main.swift
}

run() {
  cp "$PROGRAM_SHARED"/* .
  under 60 gcc -O2 -g -Wall -c big.c -o big.gcc.o
  under 60 gcc -O3 -flto -frandom-seed=1 -c big.c -o big.lto.o
  under 60 gcc -O2 big.gcc.o -o big.gcc
  under 60 g++ -O2 -g -std=c++20 -c big.cpp -o cpp.gcc.o
  under 60 g++ -pthread cpp.gcc.o -o cpp.gcc
  under 60 clang -O2 -g -c big.c -o big.clang.o
  under 60 clang -O2 -fuse-ld=lld big.clang.o -o big.clang
  under 60 clang++ -O2 -g -std=c++20 -c big.cpp -o cpp.clang.o
  under 90 swiftc -O -g -module-name Big -c main.swift -o swift.o
  under 90 swiftc -Onone -module-name Big main.swift -o swift.out
  under 30 strip -o stripped big.gcc
  under 30 objdump -d stripped | sha256sum
  digest ./*.o big.gcc big.clang stripped
  under 20 ./big.gcc
  under 20 ./big.clang
  under 20 ./cpp.gcc
  under 20 ./swift.out
}
