#pragma once

#include <functional>

#include "sealed/trustee_ring.h"
#include "sealed/worker_process.h"

namespace holdfast::sealed {

struct LongRunOptions {
  std::string program;                       ///< find_worker_program()
  std::uint32_t input_bytes_max = 1u << 30;  ///< taken as it fills
  std::uint32_t output_bytes_max = 64u << 20;
  std::uint32_t log_bytes_max = 64u << 10;
  WorkerSettings worker{-1, 0, 1ull << 30, 1536ull << 20, 1ull << 20};
  std::chrono::milliseconds start_max{60'000};  ///< to start and to compile
  std::uint32_t required_layers = ring::kAllLayers;
};

/// One run of a module over more than a request holds, in a jailed worker of its own that ends with it. The input lies
/// in memory once, in what is shared with the worker. For one thread at a time.
class LongRun {
 public:
  /// Starts the worker and has it compile `module`; `context` follows the input on fd 0. Errors: as Pool::add.
  static Result<LongRun> start(const LongRunOptions& options, ByteView module, ByteView context);

  /// Errors: exhausted sealed.input.large.
  Result<void> append(ByteView piece);
  std::uint64_t input_bytes() const { return input_bytes_; }

  /// Runs over what was appended; once. `request` has no input of its own, and at most an hour. Asks `go_on` several
  /// times a second, and kills the worker when it answers false. Blocks.
  /// Errors: conflict sealed.run.stopped; internal sealed.worker.died, sealed.worker.overstayed, sealed.worker.lied.
  Result<Answer> run(const Request& request, const std::function<bool()>& go_on);

 private:
  LongRun(TrusteeRing ring, WorkerProcess process, std::uint32_t input_bytes_max)
      : ring_(std::move(ring)), process_(std::move(process)), input_bytes_max_(input_bytes_max) {}

  TrusteeRing ring_;
  WorkerProcess process_;  ///< ends before its ring
  std::uint32_t input_bytes_max_;
  std::uint64_t input_bytes_ = 0;
};

}  // namespace holdfast::sealed
