#pragma once

#include <atomic>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <optional>
#include <utility>

#include "evidence/log.h"
#include "trustee/loops/commit_queue.h"
#include "trustee/loops/task.h"

namespace holdfast::trustee {

/// An item on its way to another thread, and the coroutine that waits for it. Lives in that coroutine's frame.
template <class Item>
struct Waiting : Item {
  using Handler = boost::asio::async_result<boost::asio::use_awaitable_t<Executor>, void()>::handler_type;
  std::optional<Handler> waiter;
};

/// Where the items of one event loop go to another thread from, and come back to. Those of one turn of the loop go
/// together, and all that one sync made durable wake it once, which goes on with each coroutine in turn: a sync costs
/// the same whatever is in it, and a wake-up for each would cost more than the forming of what it waits for.
/// `Target` takes chains of items, linked by `next`, and gives them back through `Back`.
template <class Item, class Target, class Back>
class Turns final : public boost::asio::execution_context::service, public Back {
 public:
  inline static boost::asio::execution_context::id id;
  explicit Turns(boost::asio::execution_context& context)
      : boost::asio::execution_context::service(context), loop_(static_cast<boost::asio::io_context&>(context)) {}

  /// Hands the item over and goes on when it is back, with its result in it.
  static Async<void> pass(Target& target, Waiting<Item>& item) {
    namespace asio = boost::asio;
    const auto start = [&target, &item](typename Waiting<Item>::Handler waiter) {
      asio::io_context& loop = asio::query(asio::get_associated_executor(waiter), asio::execution::context);
      item.waiter.emplace(std::move(waiter));
      asio::use_service<Turns>(loop).send(target, item);
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<Executor>, void()>(start, kAwait);
  }

  void take_back(Item* chain) override {
    Item* const oldest = chain;
    Item* const newest = reversed(chain);
    Item* before = back_.load(std::memory_order_relaxed);
    do {
      oldest->next = before;
    } while (!back_.compare_exchange_weak(before, newest, std::memory_order_release, std::memory_order_relaxed));
    if (!before) boost::asio::post(loop_, [this] { go_on(); });
  }

 private:
  void shutdown() noexcept override {}

  void send(Target& target, Waiting<Item>& item) {
    // Balanced in go_on(): a loop does not end while its items are under way.
    loop_.get_executor().on_work_started();
    if (target_ != &target) hand_over();
    target_ = &target;
    // Behind all that the loop has ready now.
    if (!first_) boost::asio::post(loop_, [this] { hand_over(); });
    (first_ ? last_->next : first_) = &item;
    last_ = &item;
  }

  void hand_over() {
    if (first_) target_->append(std::exchange(first_, nullptr), *this);
  }

  void go_on() {
    Item* oldest = reversed(back_.exchange(nullptr, std::memory_order_acquire));
    while (oldest) {
      // It is gone as soon as its coroutine goes on.
      Item* const next = oldest->next;
      auto waiter = std::move(*static_cast<Waiting<Item>*>(oldest)->waiter);
      waiter();
      loop_.get_executor().on_work_finished();
      oldest = next;
    }
  }

  static Item* reversed(Item* chain) {
    Item* out = nullptr;
    while (chain) {
      Item* const next = std::exchange(chain->next, out);
      out = std::exchange(chain, next);
    }
    return out;
  }

  boost::asio::io_context& loop_;
  Target* target_ = nullptr;  ///< that those of this turn go to
  Item *first_ = nullptr, *last_ = nullptr;
  std::atomic<Item*> back_{nullptr};  ///< newest first
};

using Appending = Waiting<evidence::Append>;
using AppendTurns = Turns<evidence::Append, evidence::Log, evidence::Returns>;
using Committing = Waiting<Commit>;
using CommitTurns = Turns<Commit, CommitQueue, CommitReturns>;

}  // namespace holdfast::trustee
