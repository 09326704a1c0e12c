#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace holdfast::vault {

/// Lets a rare operation wait until all that was under way when it asked is over, without holding up what starts
/// later, and without being starved by it. Whoever enters after drain() was called must already see what its caller
/// set before.
class Gate {
 public:
  /// Inside while it lives.
  class Pass {
   public:
    explicit Pass(Gate& gate) : gate_(gate), phase_(gate.enter()) {}
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;
    ~Pass() { gate_.leave(phase_); }

   private:
    Gate& gate_;
    unsigned phase_;
  };

  void drain() {
    const std::lock_guard one_at_a_time(draining_);
    std::unique_lock lock(mutex_);
    const unsigned old = phase_;
    phase_ ^= 1u;
    left_.wait(lock, [&] { return inside_[old] == 0; });
  }

 private:
  unsigned enter() {
    const std::lock_guard lock(mutex_);
    ++inside_[phase_];
    return phase_;
  }
  void leave(unsigned phase) {
    const std::lock_guard lock(mutex_);
    if (--inside_[phase] == 0) left_.notify_all();
  }

  std::mutex draining_, mutex_;
  std::condition_variable left_;
  unsigned phase_ = 0;
  std::uint64_t inside_[2] = {0, 0};
};

}  // namespace holdfast::vault
