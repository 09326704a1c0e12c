#include "trustee/appending.h"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/post.hpp>

namespace holdfast::trustee {

namespace asio = boost::asio;

asio::execution_context::id AppendService::id;

Async<void> AppendService::append(evidence::Log& log, Appending& appending) {
  const auto start = [&log, &appending](Appending::Handler waiter) {
    asio::io_context& loop = asio::query(asio::get_associated_executor(waiter), asio::execution::context);
    auto& service = asio::use_service<AppendService>(loop);
    // Balanced in go_on(): a loop does not end while its entries are under way.
    loop.get_executor().on_work_started();
    appending.waiter.emplace(std::move(waiter));
    log.append(&appending, service);
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<Executor>, void()>(start, kAwait);
}

void AppendService::take_back(evidence::Append* chain) {
  evidence::Append* newest = nullptr;
  evidence::Append* const oldest = chain;
  while (chain) {
    evidence::Append* const next = chain->next;
    chain->next = newest;
    newest = chain;
    chain = next;
  }
  evidence::Append* before = back_.load(std::memory_order_relaxed);
  do {
    oldest->next = before;
  } while (!back_.compare_exchange_weak(before, newest, std::memory_order_release, std::memory_order_relaxed));
  if (!before) asio::post(loop_, [this] { go_on(); });
}

void AppendService::go_on() {
  evidence::Append* newest = back_.exchange(nullptr, std::memory_order_acquire);
  evidence::Append* oldest = nullptr;
  while (newest) {
    evidence::Append* const next = newest->next;
    newest->next = oldest;
    oldest = newest;
    newest = next;
  }
  while (oldest) {
    // It is gone as soon as its coroutine goes on.
    evidence::Append* const next = oldest->next;
    Appending::Handler waiter = std::move(*static_cast<Appending*>(oldest)->waiter);
    waiter();
    loop_.get_executor().on_work_finished();
    oldest = next;
  }
}

}  // namespace holdfast::trustee
