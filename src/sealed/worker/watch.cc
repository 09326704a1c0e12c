#include "sealed/worker/watch.h"

#include "sealed/ring/futex.h"

namespace holdfast::sealed::worker {
namespace {

constexpr std::chrono::milliseconds kTick{1};
constexpr int kQuietTicks = 100;

}  // namespace

std::uint64_t Watch::now_us() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

void Watch::start(std::uint32_t run_us_max) {
  deadline_us_.store(now_us() + run_us_max, std::memory_order_seq_cst);
  if (parked_.load(std::memory_order_seq_cst) != 0) {
    parked_.store(0, std::memory_order_seq_cst);
    ring::futex_wake(parked_);
  }
}

bool Watch::overran() const {
  const std::uint64_t deadline = deadline_us_.load(std::memory_order_relaxed);
  return deadline != 0 && now_us() >= deadline;
}

void Watch::sleep() {
  if (deadline_us_.load(std::memory_order_relaxed) != 0) quiet_ticks_ = 0;
  if (++quiet_ticks_ < kQuietTicks) {
    const timespec tick{0, std::chrono::nanoseconds(kTick).count()};
    ::clock_nanosleep(CLOCK_MONOTONIC, 0, &tick, nullptr);
    return;
  }
  parked_.store(1, std::memory_order_seq_cst);
  if (deadline_us_.load(std::memory_order_seq_cst) == 0) ring::futex_wait(parked_, 1, std::chrono::hours(1));
  parked_.store(0, std::memory_order_relaxed);
  quiet_ticks_ = 0;
}

}  // namespace holdfast::sealed::worker
