#pragma once

#include <atomic>
#include <boost/asio/async_result.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <optional>
#include <vector>

#include "sealed/pool.h"
#include "trustee/loops/task.h"

namespace holdfast::trustee {

/// Runs on their way through the pool, and the coroutine that waits for all of them. Lives in that coroutine's frame.
struct Running {
  using Handler = boost::asio::async_result<boost::asio::use_awaitable_t<Executor>, void()>::handler_type;
  std::vector<Result<sealed::Answer>> answers;  ///< in the order of the requests
  std::atomic<std::size_t> left{0};
  std::optional<Handler> waiter;
  Running* next = nullptr;
};

/// Where the runs of one event loop come back to. With a beat, what has come back goes on at the next multiple of it:
/// so how long a run took is told in few bits, and nothing but the beat's own timer wakes the loop.
class RunService final : public boost::asio::execution_context::service {
 public:
  static boost::asio::execution_context::id id;
  explicit RunService(boost::asio::execution_context& context)
      : service(context), loop_(static_cast<boost::asio::io_context&>(context)), beat_timer_(loop_) {}

  /// Submits the requests with one wake-up, and goes on when all are answered; at the next beat, unless it is 0.
  static Async<void> run(sealed::Pool& pool, const Hash& module, std::vector<sealed::Request> requests,
                         std::chrono::microseconds beat, Running& running);

 private:
  void shutdown() noexcept override { beat_timer_.cancel(); }
  void begin(std::chrono::microseconds beat);
  void take_back(Running* running, bool wake);
  void await_beat();
  void go_on();

  boost::asio::io_context& loop_;
  boost::asio::steady_timer beat_timer_;
  std::chrono::microseconds beat_{0};
  std::size_t outstanding_ = 0;  ///< of the loop's own thread, as all but `back_`
  bool waits_for_beat_ = false;
  std::atomic<Running*> back_{nullptr};  ///< newest first
};

}  // namespace holdfast::trustee
