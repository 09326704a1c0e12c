#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace holdfast::sealed::worker {

/// Ends runs that overstay. The engine's thread says when a run must be over; the thread in `watch` looks every
/// millisecond while there are runs, and sleeps when there have been none for a while: so a run costs two stores.
class Watch {
 public:
  void start(std::uint32_t run_us_max);
  void stop() { deadline_us_.store(0, std::memory_order_relaxed); }
  /// Is the run that is going on over its time?
  bool overran() const;
  /// Calls `interrupt` whenever a run is over its time, for ever. `interrupt` runs on this thread.
  template <class Interrupt>
  [[noreturn]] void watch(Interrupt interrupt) {
    for (;;) {
      sleep();
      if (overran()) interrupt();
    }
  }

  static std::uint64_t now_us();

 private:
  void sleep();

  std::atomic<std::uint64_t> deadline_us_{0};
  std::atomic<std::uint32_t> parked_{0};
  int quiet_ticks_ = 0;
};

}  // namespace holdfast::sealed::worker
