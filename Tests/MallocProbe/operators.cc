// SPDX-License-Identifier: Apache-2.0
// Every form of operator new and operator delete, with and without memory.
#include "probe.h"

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <malloc.h>
#include <new>

namespace {

int calls;
void helps_not() {
  if (++calls == 3) std::set_new_handler(nullptr);
}
void throws() { throw std::bad_alloc(); }

void check(void *block, size_t size, size_t alignment) {
  if (!block) fail("operator new gave NULL");
  if (reinterpret_cast<uintptr_t>(block) % alignment) fail("operator new: alignment");
  if (malloc_usable_size(block) < size) fail("operator new: usable size");
  memset(block, 0x5A, size);
}

template <typename Body> void must_throw(const char *what, Body body) {
  try {
    body();
  } catch (const std::bad_alloc &) {
    return;
  }
  fail(what);
}

void every_form(size_t size) {
  void *block;
  check(block = ::operator new(size), size, 16), ::operator delete(block);
  check(block = ::operator new(size), size, 16), ::operator delete(block, size);
  check(block = ::operator new[](size), size, 16), ::operator delete[](block);
  check(block = ::operator new[](size), size, 16), ::operator delete[](block, size);
  check(block = ::operator new(size, std::nothrow), size, 16), ::operator delete(block, std::nothrow);
  check(block = ::operator new[](size, std::nothrow), size, 16), ::operator delete[](block, std::nothrow);
  for (size_t value = 16; value <= 65536; value *= 4) {
    auto alignment = std::align_val_t(value);
    check(block = ::operator new(size, alignment), size, value), ::operator delete(block, alignment);
    check(block = ::operator new(size, alignment), size, value), ::operator delete(block, size, alignment);
    check(block = ::operator new[](size, alignment), size, value), ::operator delete[](block, alignment);
    check(block = ::operator new[](size, alignment), size, value), ::operator delete[](block, size, alignment);
    check(block = ::operator new(size, alignment, std::nothrow), size, value);
    ::operator delete(block, alignment, std::nothrow);
    check(block = ::operator new[](size, alignment, std::nothrow), size, value);
    ::operator delete[](block, alignment, std::nothrow);
  }
}

}  // namespace

int probe_operators(void) {
  for (int size : {0, 1, 16, 17, 1000, 1025, 40000, 3 << 20}) every_form(size_t(size));
  ::operator delete(nullptr);

  volatile size_t huge = PTRDIFF_MAX;
  must_throw("operator new did not throw", [&] { (void)::operator new(huge); });
  must_throw("operator new[] did not throw", [&] { (void)::operator new[](huge + 2); });
  must_throw("aligned operator new did not throw", [&] { (void)::operator new(huge, std::align_val_t(64)); });
  if (::operator new(huge, std::nothrow)) fail("nothrow operator new gave a block");
  if (::operator new(huge, std::align_val_t(64), std::nothrow)) fail("nothrow aligned operator new gave a block");

  std::set_new_handler(helps_not);
  must_throw("operator new did not throw after its handler gave up", [&] { (void)::operator new(huge); });
  if (calls != 3) fail("the new-handler was not called until it gave up");
  std::set_new_handler(throws);
  must_throw("the new-handler's exception did not come through", [&] { (void)::operator new[](huge); });
  if (::operator new(huge, std::nothrow)) fail("nothrow operator new gave a block");
  if (::operator new[](huge, std::align_val_t(64), std::nothrow)) fail("nothrow aligned operator new gave a block");
  std::set_new_handler(nullptr);
  return 1;
}
