// SPDX-License-Identifier: Apache-2.0
// The restartable sections of anax_rseq.h for x86-64. Each names its registers by operand; labels: 1 start, 2 post-commit,
// 3 descriptor, 4 abort. The abort handler lies in a cold section behind the signature that the kernel demands.
#pragma once

#define ANAX_RSEQ_DESCRIPTOR                                                                       \
  ".pushsection __rseq_cs, \"aw\", @progbits\n\t"                                                  \
  ".balign 32\n"                                                                                   \
  "3:\n\t"                                                                                         \
  ".long 0, 0\n\t"                                                                                 \
  ".quad 1f, 2f - 1f, 4f\n\t"                                                                      \
  ".popsection\n\t"                                                                                \
  ".pushsection __rseq_cs_ptr_array, \"aw\", @progbits\n\t"                                        \
  ".quad 3b\n\t"                                                                                   \
  ".popsection\n\t"

#define ANAX_RSEQ_ABORT                                                                            \
  ".pushsection .text.unlikely, \"ax\", @progbits\n\t"                                             \
  ".byte 0x0f, 0xb9, 0x3d\n\t"                                                                     \
  ".long 0x53053053\n"                                                                             \
  "4:\n\t"                                                                                         \
  "jmp %l[empty]\n\t"                                                                              \
  ".popsection\n\t"

// Enters: the CPU id is read inside, so that a migration before the commit restarts, and checked against the limit.
#define ANAX_RSEQ_ENTER                                                                            \
  ANAX_RSEQ_DESCRIPTOR                                                                             \
  "leaq 3b(%%rip), %[work]\n\t"                                                                    \
  "movq %[work], %%fs:8(%[area])\n"                                                                \
  "1:\n\t"                                                                                         \
  "movl %%fs:4(%[area]), %k[cpu]\n\t"                                                              \
  "cmpl %[limit], %k[cpu]\n\t"                                                                     \
  "jae %l[empty]\n\t"                                                                              \
  "movq (%[table], %[cpu], 8), %[work]\n\t"

ANAX_INLINE uint32_t anax_rseq_read_cpu(int64_t area) {
  uint32_t cpu;
  __asm__ volatile("movl %%fs:4(%1), %0" : "=r"(cpu) : "r"(area));
  return cpu;
}

/// Takes the first item of the list `list` of this CPU's part for its own node. NULL: empty, aborted, or no list.
ANAX_INLINE void *_Nullable anax_cache_pop(uint64_t list) {
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
      : [area] "r"(anax_state_storage.rseq_offset), [limit] "m"(anax_state_storage.cpu_limit),
        [table] "r"(anax_allocate_blocks), [list] "r"(list)
      : "memory", "cc"
      : empty);
  if (head == 0) __builtin_unreachable();
  return (void *)head;
empty:
  return NULL;
}

/// Puts an item on the list `list` of this CPU's block. False: full, aborted, or no list.
ANAX_INLINE bool anax_cache_push(uint64_t list, void *_Nonnull item) {
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
      : [area] "r"(anax_state_storage.rseq_offset), [limit] "m"(anax_state_storage.cpu_limit),
        [table] "r"(anax_release_blocks), [list] "r"(list), [item] "r"(address), [word] "r"(address << 16)
      : "memory", "cc"
      : empty);
  return true;
empty:
  return false;
}

/// Takes the whole list `list` of this CPU's block, leaving an empty one with room for `room` items.
/// `*word` is the list word (its address part may be 0). False: aborted, or this CPU has no block now.
ANAX_INLINE bool anax_cache_take(uint64_t list, uint64_t room, uint64_t *_Nonnull word) {
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
      : [area] "r"(anax_state_storage.rseq_offset), [limit] "m"(anax_state_storage.cpu_limit),
        [table] "r"(anax_release_blocks), [list] "r"(list), [none] "r"(anax_empty_block), [room] "r"(room)
      : "memory", "cc"
      : empty);
  *word = head;
  return true;
empty:
  return false;
}

/// Makes `word` the list `list` of this CPU's block if that list has no item. False: it has, aborted, or no block now.
ANAX_INLINE bool anax_cache_put(uint64_t list, uint64_t word) {
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
      : [area] "r"(anax_state_storage.rseq_offset), [limit] "m"(anax_state_storage.cpu_limit),
        [table] "r"(anax_release_blocks), [list] "r"(list), [none] "r"(anax_empty_block), [word] "r"(word)
      : "memory", "cc"
      : empty);
  return true;
empty:
  return false;
}

/// Adds to the word `list` of this CPU's block. False: aborted, or no block now.
ANAX_INLINE bool anax_cache_add(uint64_t list, uint64_t amount) {
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
      : [area] "r"(anax_state_storage.rseq_offset), [limit] "m"(anax_state_storage.cpu_limit),
        [table] "r"(anax_release_blocks), [list] "r"(list), [none] "r"(anax_empty_block), [amount] "r"(amount)
      : "memory", "cc"
      : empty);
  return true;
empty:
  return false;
}
