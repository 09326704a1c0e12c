#include "sealed/long_run.h"

#include "sealed/crew.h"

namespace holdfast::sealed {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kTick{100}, kGrace{1000};

}  // namespace

Result<LongRun> LongRun::start(const LongRunOptions& options, ByteView module, ByteView context) {
  const ring::Shape shape{1, options.input_bytes_max, options.output_bytes_max, options.log_bytes_max};
  HF_TRY(auto ring, TrusteeRing::create(shape, options.worker));
  HF_TRY(auto process, start_ready(options.program, ring, options.required_layers, options.start_max, module, context));
  return LongRun(std::move(ring), std::move(process), options.input_bytes_max);
}

Result<void> LongRun::append(ByteView piece) {
  if (piece.size() > input_bytes_max_ - input_bytes_) {
    return fail(Code::exhausted, "sealed.input.large", "",
                "what this module reads is more than " + std::to_string(input_bytes_max_) +
                    " bytes together; let it read less, or raise the bound in the configuration");
  }
  ring_.put(input_bytes_, piece);
  input_bytes_ += piece.size();
  return {};
}

Result<Answer> LongRun::run(const Request& request, const std::function<bool()>& go_on) {
  HF_ASSERT(request.input.empty() && request.run_max.count() > 0 && request.run_max <= std::chrono::hours(1));
  ring_.post(request, static_cast<std::uint32_t>(input_bytes_));
  ring_.wake();
  const auto until = Clock::now() + request.run_max + kGrace;
  for (;;) {
    HF_TRY(auto answer, ring_.collect());
    if (answer) return *std::move(answer);
    if (!process_.alive()) {
      return fail(Code::internal, "sealed.worker.died", "", "the worker died while it ran this module");
    }
    if (Clock::now() > until) {
      return fail(Code::internal, "sealed.worker.overstayed", "", "the worker did not answer in time, and was killed");
    }
    if (!go_on()) return fail(Code::conflict, "sealed.run.stopped", "", "the run was stopped");
    ring_.wait(kTick);
  }
}

}  // namespace holdfast::sealed
