#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <climits>
#include <cstdint>
#include <ctime>

/// Sleeping on a word in shared memory, futex(2). Either side may lie about the word: a wait ends at its timeout at the
/// latest, and its return says nothing but "look again".
namespace holdfast::sealed::ring {

inline void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t seen, std::chrono::nanoseconds timeout) {
  const timespec limit{static_cast<time_t>(timeout.count() / 1'000'000'000),
                       static_cast<long>(timeout.count() % 1'000'000'000)};
  ::syscall(SYS_futex, &word, FUTEX_WAIT, seen, &limit, nullptr, 0);
}

inline void futex_wake(std::atomic<std::uint32_t>& word) {
  ::syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

/// One side's half of a sleep without a lost wake-up: `waits` is raised before the word is looked at once more.
inline void sleep_while(std::atomic<std::uint32_t>& word, std::uint32_t seen, std::atomic<std::uint32_t>& waits,
                        std::chrono::nanoseconds timeout) {
  waits.store(1, std::memory_order_seq_cst);
  if (word.load(std::memory_order_seq_cst) == seen) futex_wait(word, seen, timeout);
  waits.store(0, std::memory_order_relaxed);
}

/// The other half: publish, then wake only who sleeps.
inline void publish(std::atomic<std::uint32_t>& word, std::uint32_t value, std::atomic<std::uint32_t>& waits) {
  word.store(value, std::memory_order_seq_cst);
  if (waits.load(std::memory_order_seq_cst) != 0) futex_wake(word);
}

}  // namespace holdfast::sealed::ring
