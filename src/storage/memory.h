#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "storage/store.h"

namespace holdfast::storage {

struct MemoryState;

/// The medium under a memory engine, with what shall go wrong on it. Outlives the stores opened on it; keeps their
/// content, so that opening again on the same MemoryFaults is a restart. Every call that changes something is one
/// write. Thread-safe but for crash() and the choice of a clock.
class MemoryFaults {
 public:
  enum class Mode {
    before,  ///< nothing is applied, the caller is told unavailable
    after,   ///< applied and visible, but not acknowledged: the caller is told unavailable, a crash forgets it
  };

  MemoryFaults();
  ~MemoryFaults();

  /// The `nth` write from now (1: the next one) fails, and `count - 1` after it.
  void fail_write(std::uint64_t nth, Mode mode = Mode::before, std::uint64_t count = 1);
  /// Power lost and back: what no caller was told to be durable is gone. A later acknowledged write makes durable
  /// what went before it, as in a log. No call may run meanwhile.
  void crash();

  /// Times leases; the system's unless set. Set before the first call; borrowed.
  void set_clock(const Clock* clock) { clock_ = clock; }

  std::uint64_t writes() const { return writes_; }  ///< tried, also those that failed
  std::uint64_t syncs() const { return syncs_; }    ///< writes that reached the medium

 private:
  friend class MemoryStore;
  std::atomic<std::uint64_t> writes_{0}, syncs_{0}, fail_first_{0}, fail_last_{0};
  std::atomic<Mode> mode_{Mode::before};
  const Clock* clock_ = nullptr;
  std::unique_ptr<MemoryState> state_;
};

/// An engine for unit tests: everything in maps under one lock. Answers as the real engines do, save that backup
/// is unsupported. Without `faults` the content lives as long as the store.
std::unique_ptr<Store> open_memory(MemoryFaults* faults = nullptr);

}  // namespace holdfast::storage
