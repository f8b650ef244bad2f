// SPDX-License-Identifier: Apache-2.0
// The bodies of the aarch64 sections, for whoever defined ANAX_SECTION, ANAX_RSEQ_ENTER and ANAX_RSEQ_INPUTS: included twice,
// therefore without a guard. `this CPU's block` is the block at the cache index of the rung.

/// Takes the first item of the list `list` of this CPU's part for its own node. NULL: empty, aborted, or no list.
ANAX_INLINE void *_Nullable ANAX_SECTION(pop)(uint64_t list) {
  uint64_t cpu, work, head;
  __asm__ goto volatile(
      ANAX_RSEQ_ENTER
      "ldr %[head], [%[work], %[list], lsl #3]\n\t"
      "lsr %[head], %[head], #16\n\t"
      "cbz %[head], %l[empty]\n\t"
      "ldr %[cpu], [%[head]]\n\t"
      "str %[cpu], [%[work], %[list], lsl #3]\n"
      "2:\n\t"
      ANAX_RSEQ_ABORT
      : [cpu] "=&r"(cpu), [work] "=&r"(work), [head] "=&r"(head)
      : ANAX_RSEQ_INPUTS(allocate), [list] "r"(list)
      : "memory", "cc"
      : empty);
  if (head == 0) __builtin_unreachable();
  return (void *)head;
empty:
  return NULL;
}

/// Takes the first item of the strip in word `list` of this CPU's part for its own node. NULL: none left, or aborted.
ANAX_INLINE void *_Nullable ANAX_SECTION(advance)(uint64_t list, uint64_t step) {
  uint64_t cpu, work, head;
  __asm__ goto volatile(
      ANAX_RSEQ_ENTER
      "ldr %[head], [%[work], %[list], lsl #3]\n\t"
      "tst %[head], #0xff\n\t"
      "b.eq %l[empty]\n\t"
      "add %[cpu], %[head], %[step]\n\t"
      "str %[cpu], [%[work], %[list], lsl #3]\n"
      "2:\n\t"
      ANAX_RSEQ_ABORT
      : [cpu] "=&r"(cpu), [work] "=&r"(work), [head] "=&r"(head)
      : ANAX_RSEQ_INPUTS(allocate), [list] "r"(list), [step] "r"(step)
      : "memory", "cc"
      : empty);
  head >>= 16;
  if (head == 0) __builtin_unreachable();
  return (void *)head;
empty:
  return NULL;
}

/// Puts an item on the list `list` of this CPU's block. False: full, aborted, or no list.
ANAX_INLINE bool ANAX_SECTION(push)(uint64_t list, void *_Nonnull item) {
  uint64_t cpu, work, head;
  uint64_t address = (uint64_t)item;
  __asm__ goto volatile(
      ANAX_RSEQ_ENTER
      "ldr %[head], [%[work], %[list], lsl #3]\n\t"
      "ands %[cpu], %[head], #0xffff\n\t"
      "b.eq %l[empty]\n\t"
      "str %[head], [%[item]]\n\t"
      "add %[cpu], %[cpu], %[word]\n\t"
      "sub %[cpu], %[cpu], #1\n\t"
      "str %[cpu], [%[work], %[list], lsl #3]\n"
      "2:\n\t"
      ANAX_RSEQ_ABORT
      : [cpu] "=&r"(cpu), [work] "=&r"(work), [head] "=&r"(head)
      : ANAX_RSEQ_INPUTS(release), [list] "r"(list), [item] "r"(address), [word] "r"(address << 16)
      : "memory", "cc"
      : empty);
  return true;
empty:
  return false;
}

/// Takes the whole list `list` of this CPU's block, leaving an empty one with room for `room` items.
/// `*word` is the list word (its address part may be 0). False: aborted, or this CPU has no block now.
ANAX_INLINE bool ANAX_SECTION(take)(uint64_t list, uint64_t room, uint64_t *_Nonnull word) {
  uint64_t cpu, work, head;
  __asm__ goto volatile(
      ANAX_RSEQ_ENTER
      "cmp %[work], %[none]\n\t"
      "b.eq %l[empty]\n\t"
      "ldr %[head], [%[work], %[list], lsl #3]\n\t"
      "str %[room], [%[work], %[list], lsl #3]\n"
      "2:\n\t"
      ANAX_RSEQ_ABORT
      : [cpu] "=&r"(cpu), [work] "=&r"(work), [head] "=&r"(head)
      : ANAX_RSEQ_INPUTS(release), [list] "r"(list), [none] "r"(anax_empty_block), [room] "r"(room)
      : "memory", "cc"
      : empty);
  *word = head;
  return true;
empty:
  return false;
}

/// Makes `word` the list `list` of this CPU's block if that list has no item. False: it has, aborted, or no block now.
ANAX_INLINE bool ANAX_SECTION(put)(uint64_t list, uint64_t word) {
  uint64_t cpu, work, head;
  __asm__ goto volatile(
      ANAX_RSEQ_ENTER
      "cmp %[work], %[none]\n\t"
      "b.eq %l[empty]\n\t"
      "ldr %[head], [%[work], %[list], lsl #3]\n\t"
      "lsr %[head], %[head], #16\n\t"
      "cbnz %[head], %l[empty]\n\t"
      "str %[word], [%[work], %[list], lsl #3]\n"
      "2:\n\t"
      ANAX_RSEQ_ABORT
      : [cpu] "=&r"(cpu), [work] "=&r"(work), [head] "=&r"(head)
      : ANAX_RSEQ_INPUTS(release), [list] "r"(list), [none] "r"(anax_empty_block), [word] "r"(word)
      : "memory", "cc"
      : empty);
  return true;
empty:
  return false;
}

/// Adds to the word `list` of this CPU's block. False: aborted, or no block now.
ANAX_INLINE bool ANAX_SECTION(add)(uint64_t list, uint64_t amount) {
  uint64_t cpu, work, head;
  __asm__ goto volatile(
      ANAX_RSEQ_ENTER
      "cmp %[work], %[none]\n\t"
      "b.eq %l[empty]\n\t"
      "ldr %[head], [%[work], %[list], lsl #3]\n\t"
      "add %[head], %[head], %[amount]\n\t"
      "str %[head], [%[work], %[list], lsl #3]\n"
      "2:\n\t"
      ANAX_RSEQ_ABORT
      : [cpu] "=&r"(cpu), [work] "=&r"(work), [head] "=&r"(head)
      : ANAX_RSEQ_INPUTS(release), [list] "r"(list), [none] "r"(anax_empty_block), [amount] "r"(amount)
      : "memory", "cc"
      : empty);
  return true;
empty:
  return false;
}

/// Makes an empty stack at word `stack` of this CPU's part for its own node, where there is none. False: there is one, aborted, or no
/// block now.
ANAX_INLINE bool ANAX_SECTION(stack_open)(uint64_t stack) {
  uint64_t cpu, work, head;
  __asm__ goto volatile(
      ANAX_RSEQ_ENTER
      "cmp %[work], %[none]\n\t"
      "b.eq %l[empty]\n\t"
      "ldr %[head], [%[work], %[stack], lsl #3]\n\t"
      "cbnz %[head], %l[empty]\n\t"
      "mov %[head], #1\n\t"
      "str %[head], [%[work], %[stack], lsl #3]\n"
      "2:\n\t"
      ANAX_RSEQ_ABORT
      : [cpu] "=&r"(cpu), [work] "=&r"(work), [head] "=&r"(head)
      : ANAX_RSEQ_INPUTS(allocate), [stack] "r"(stack), [none] "r"(anax_empty_block)
      : "memory", "cc"
      : empty);
  return true;
empty:
  return false;
}

/// Takes the last entry of the stack at word `stack` of this CPU's part for its own node. 0: empty, closed, aborted, or no stack.
ANAX_INLINE uint64_t ANAX_SECTION(stack_pop)(uint64_t stack) {
  uint64_t cpu, work, head, entry;
  // Adding the 0 of an open stack to the address orders what is read through it behind that look.
  __asm__ goto volatile(
      ANAX_RSEQ_ENTER
      "add %[entry], %[work], %[stack], lsl #3\n\t"
      "ldr %[head], [%[entry], #8]\n\t"
      "cbnz %[head], %l[empty]\n\t"
      "add %[entry], %[entry], %[head]\n\t"
      "ldr %[head], [%[entry]]\n\t"
      "and %[cpu], %[head], #0xffff\n\t"
      "cmp %[cpu], #2\n\t"
      "b.lo %l[empty]\n\t"
      "ldr %[entry], [%[entry], %[cpu], lsl #3]\n\t"
      "sub %[head], %[head], #1\n\t"
      "str %[head], [%[work], %[stack], lsl #3]\n"
      "2:\n\t"
      ANAX_RSEQ_ABORT
      : [cpu] "=&r"(cpu), [work] "=&r"(work), [head] "=&r"(head), [entry] "=&r"(entry)
      : ANAX_RSEQ_INPUTS(allocate), [stack] "r"(stack)
      : "memory", "cc"
      : empty);
  return entry;
empty:
  return 0;
}

/// Puts an entry on the stack at word `stack` of this CPU's block, which holds `room` of them. False: full, closed, aborted, or no
/// stack.
ANAX_INLINE bool ANAX_SECTION(stack_push)(uint64_t stack, uint64_t entry, uint64_t room) {
  uint64_t cpu, work, head, place;
  __asm__ goto volatile(
      ANAX_RSEQ_ENTER
      "add %[place], %[work], %[stack], lsl #3\n\t"
      "ldr %[head], [%[place], #8]\n\t"
      "cbnz %[head], %l[empty]\n\t"
      "add %[place], %[place], %[head]\n\t"
      "ldr %[head], [%[place]]\n\t"
      "ands %[cpu], %[head], #0xffff\n\t"
      "b.eq %l[empty]\n\t"
      "cmp %[cpu], %[room]\n\t"
      "b.hi %l[empty]\n\t"
      "add %[place], %[place], %[cpu], lsl #3\n\t"
      "add %[place], %[place], #8\n\t"
      "str %[entry], [%[place]]\n\t"
      "add %[head], %[head], #0x10, lsl #12\n\t"
      "add %[head], %[head], #1\n\t"
      "str %[head], [%[work], %[stack], lsl #3]\n"
      "2:\n\t"
      ANAX_RSEQ_ABORT
      : [cpu] "=&r"(cpu), [work] "=&r"(work), [head] "=&r"(head), [place] "=&r"(place)
      : ANAX_RSEQ_INPUTS(release), [stack] "r"(stack), [entry] "r"(entry), [room] "r"(room)
      : "memory", "cc"
      : empty);
  return true;
empty:
  return false;
}

/// Puts `entry` into a slot, 1 and up, of the row at word `row` of this CPU's block, where `old` is what lies there. False: something
/// else does, aborted, or the row is closed or none.
ANAX_INLINE bool ANAX_SECTION(replace)(uint64_t row, uint64_t slot, uint64_t old, uint64_t entry) {
  uint64_t cpu, work, head;
  // Adding the 0 that is left of an open row's 1 to the address orders what is read through it behind that look.
  __asm__ goto volatile(
      ANAX_RSEQ_ENTER
      "add %[work], %[work], %[row], lsl #3\n\t"
      "ldr %[head], [%[work]]\n\t"
      "sub %[head], %[head], #1\n\t"
      "cbnz %[head], %l[empty]\n\t"
      "add %[work], %[work], %[head]\n\t"
      "ldr %[head], [%[work], %[slot], lsl #3]\n\t"
      "cmp %[head], %[old]\n\t"
      "b.ne %l[empty]\n\t"
      "str %[entry], [%[work], %[slot], lsl #3]\n"
      "2:\n\t"
      ANAX_RSEQ_ABORT
      : [cpu] "=&r"(cpu), [work] "=&r"(work), [head] "=&r"(head)
      : ANAX_RSEQ_INPUTS(release), [row] "r"(row), [slot] "r"(slot), [old] "r"(old), [entry] "r"(entry)
      : "memory", "cc"
      : empty);
  return true;
empty:
  return false;
}
