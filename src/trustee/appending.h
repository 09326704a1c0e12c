#pragma once

#include <atomic>
#include <boost/asio/async_result.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/prefer.hpp>
#include <optional>

#include "evidence/log.h"
#include "trustee/task.h"

namespace holdfast::trustee {

/// An entry on its way into the log, and the coroutine that waits for it. Lives in that coroutine's frame.
struct Appending : evidence::Append {
  using Handler = boost::asio::async_result<boost::asio::use_awaitable_t<Executor>, void()>::handler_type;
  std::optional<Handler> waiter;
};

/// Where the entries of one event loop come back to. All that one sync made durable wake it once, which goes on with
/// each coroutine in turn: a wake-up for each would cost more than the forming of what it waits for.
class AppendService final : public boost::asio::execution_context::service, public evidence::Returns {
 public:
  static boost::asio::execution_context::id id;
  explicit AppendService(boost::asio::execution_context& context)
      : service(context), loop_(static_cast<boost::asio::io_context&>(context)) {}

  /// Hands the entry over and goes on when it is back, with its result in it.
  static Async<void> append(evidence::Log& log, Appending& appending);

  void take_back(evidence::Append* chain) override;

 private:
  void shutdown() noexcept override {}
  void go_on();

  boost::asio::io_context& loop_;
  std::atomic<evidence::Append*> back_{nullptr};  ///< newest first
};

}  // namespace holdfast::trustee
