#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "sealed/ring/layout.h"

namespace holdfast::sealed {

using ring::Ending;
using ring::Trap;

/// One run of a module: a fresh instance and memory. The same request to the same module gives the same answer, bit for
/// bit, unless its time ran out.
struct Request {
  Bytes input;                           ///< what fd 0 gives, before the module's context
  std::array<std::uint8_t, 32> seed{};   ///< of random_get
  std::uint64_t time_ns = 0;             ///< what every clock shows, since 1970
  std::chrono::microseconds run_max{0};  ///< of real time, from the run's start
  std::uint32_t output_bytes_max = 0;    ///< a run that writes more is ended, and answers nothing
};

/// What a worker said of one run. Everything in it comes from where hostile code runs: it is bounded, and no more.
struct Answer {
  Ending ending = Ending::engine_refused;
  Trap trap = Trap::none;
  std::int32_t exit_code = 0;
  Bytes output;  ///< empty unless the run finished with exit code 0
  Bytes log;     ///< what it wrote to stderr, for trustee and overseer
  bool log_cut = false;
  std::chrono::microseconds took{0};

  bool good() const { return ending == Ending::finished && exit_code == 0; }
  /// "trapped: unreachable", for logs and people.
  std::string text() const;
};

/// Called once for each request, on a thread of the pool; must not throw, block, or call the pool.
/// Errors: exhausted sealed.queue.full; invalid sealed.request.too_large; not_found sealed.module.unknown;
/// internal sealed.worker.died (crashed or broke out and was killed), sealed.worker.overstayed, sealed.worker.lied;
/// unavailable sealed.worker.unavailable, sealed.pool.stopped.
using Completion = std::function<void(Result<Answer>)>;

}  // namespace holdfast::sealed
