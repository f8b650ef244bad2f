// SPDX-License-Identifier: Apache-2.0
// The bodies of the x86-64 sections, for whoever defined ANAX_SECTION, ANAX_RSEQ_ENTER and ANAX_RSEQ_INPUTS: included twice,
// therefore without a guard. `this CPU's block` is the block at the cache index of the rung.

/// Takes the first item of the list `list` of this CPU's part for its own node. NULL: empty, aborted, or no list.
ANAX_INLINE void *_Nullable ANAX_SECTION(pop)(uint64_t list) {
  uint64_t cpu, work, head;
  __asm__ goto volatile(
      ANAX_RSEQ_ENTER
      "movq (%[work], %[list], 8), %[head]\n\t"
      "shrq $16, %[head]\n\t"
      "jz %l[empty]\n\t"
      "movq (%[head]), %[cpu]\n\t"
      "movq %[cpu], (%[work], %[list], 8)\n"
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
      "movq (%[work], %[list], 8), %[head]\n\t"
      "testb %b[head], %b[head]\n\t"
      "jz %l[empty]\n\t"
      "leaq (%[head], %[step]), %[cpu]\n\t"
      "movq %[cpu], (%[work], %[list], 8)\n"
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
      "movq (%[work], %[list], 8), %[head]\n\t"
      "movzwl %w[head], %k[cpu]\n\t"
      "testl %k[cpu], %k[cpu]\n\t"
      "jz %l[empty]\n\t"
      "movq %[head], (%[item])\n\t"
      "leaq -1(%[word], %[cpu]), %[cpu]\n\t"
      "movq %[cpu], (%[work], %[list], 8)\n"
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
      "cmpq %[none], %[work]\n\t"
      "je %l[empty]\n\t"
      "movq (%[work], %[list], 8), %[head]\n\t"
      "movq %[room], (%[work], %[list], 8)\n"
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
      "cmpq %[none], %[work]\n\t"
      "je %l[empty]\n\t"
      "movq (%[work], %[list], 8), %[head]\n\t"
      "shrq $16, %[head]\n\t"
      "jnz %l[empty]\n\t"
      "movq %[word], (%[work], %[list], 8)\n"
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
      "cmpq %[none], %[work]\n\t"
      "je %l[empty]\n\t"
      "movq (%[work], %[list], 8), %[head]\n\t"
      "addq %[amount], %[head]\n\t"
      "movq %[head], (%[work], %[list], 8)\n"
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
  uint64_t cpu, work;
  __asm__ goto volatile(
      ANAX_RSEQ_ENTER
      "cmpq %[none], %[work]\n\t"
      "je %l[empty]\n\t"
      "cmpq $0, (%[work], %[stack], 8)\n\t"
      "jne %l[empty]\n\t"
      "movq $1, (%[work], %[stack], 8)\n"
      "2:\n\t"
      ANAX_RSEQ_ABORT
      : [cpu] "=&r"(cpu), [work] "=&r"(work)
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
  __asm__ goto volatile(
      ANAX_RSEQ_ENTER
      "leaq (%[work], %[stack], 8), %[work]\n\t"
      "cmpq $0, 8(%[work])\n\t"
      "jne %l[empty]\n\t"
      "movq (%[work]), %[head]\n\t"
      "movzwl %w[head], %k[cpu]\n\t"
      "cmpl $2, %k[cpu]\n\t"
      "jb %l[empty]\n\t"
      "movq (%[work], %[cpu], 8), %[entry]\n\t"
      "decq %[head]\n\t"
      "movq %[head], (%[work])\n"
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
  uint64_t cpu, work, head;
  __asm__ goto volatile(
      ANAX_RSEQ_ENTER
      "leaq (%[work], %[stack], 8), %[work]\n\t"
      "cmpq $0, 8(%[work])\n\t"
      "jne %l[empty]\n\t"
      "movq (%[work]), %[head]\n\t"
      "movzwl %w[head], %k[cpu]\n\t"
      "testl %k[cpu], %k[cpu]\n\t"
      "jz %l[empty]\n\t"
      "cmpq %[room], %[cpu]\n\t"
      "ja %l[empty]\n\t"
      "movq %[entry], 8(%[work], %[cpu], 8)\n\t"
      "addq $0x10001, %[head]\n\t"
      "movq %[head], (%[work])\n"
      "2:\n\t"
      ANAX_RSEQ_ABORT
      : [cpu] "=&r"(cpu), [work] "=&r"(work), [head] "=&r"(head)
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
  uint64_t cpu, work;
  __asm__ goto volatile(
      ANAX_RSEQ_ENTER
      "leaq (%[work], %[row], 8), %[work]\n\t"
      "cmpq $1, (%[work])\n\t"
      "jne %l[empty]\n\t"
      "cmpq %[old], (%[work], %[slot], 8)\n\t"
      "jne %l[empty]\n\t"
      "movq %[entry], (%[work], %[slot], 8)\n"
      "2:\n\t"
      ANAX_RSEQ_ABORT
      : [cpu] "=&r"(cpu), [work] "=&r"(work)
      : ANAX_RSEQ_INPUTS(release), [row] "r"(row), [slot] "r"(slot), [old] "r"(old), [entry] "r"(entry)
      : "memory", "cc"
      : empty);
  return true;
empty:
  return false;
}
