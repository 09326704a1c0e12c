#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <memory>
#include <utility>

#include "base/priority.h"
#include "trustee/loops/task.h"

namespace holdfast::trustee {

// g++ 12 destroys some temporaries of a co_await expression twice (closures that own their captures, conversions to a
// parameter's type), so what these take is built in a statement of its own and captures by reference where it can: the
// awaiting coroutine's frame outlives the call.

/// Awaits a call that answers through a callback from another thread: `start(done)` is called at once, and the
/// coroutine goes on, on its own executor, with what `done` was given.
template <class T, class Start>
Async<T> await_callback(Start start) {
  namespace asio = boost::asio;
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<Executor>, void(T)>(
      [](auto handler, Start begin) {
        auto executor = asio::prefer(asio::get_associated_executor(handler), asio::execution::outstanding_work.tracked);
        // The callback has to be copyable for std::function; the handler only moves.
        auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        begin([shared, executor](T value) {
          asio::post(executor, [shared, value = std::move(value)]() mutable { (*shared)(std::move(value)); });
        });
      },
      kAwait, std::move(start));
}

/// Runs blocking work on a job thread and awaits its answer.
template <class Work>
auto await_job(boost::asio::thread_pool& jobs, Work work) -> Async<decltype(work())> {
  using T = decltype(work());
  const auto start = [&jobs, &work](auto done) {
    boost::asio::post(jobs, [&work, done = std::move(done)]() mutable { done(work()); });
  };
  co_return co_await await_callback<T>(start);
}

/// The same for long work that nobody waits for from moment to moment: its threads leave the cores to requests.
template <class Work>
auto await_long_job(boost::asio::thread_pool& long_jobs, Work work) -> Async<decltype(work())> {
  const auto behind = [&work] {
    give_way();
    return work();
  };
  co_return co_await await_job(long_jobs, behind);
}

}  // namespace holdfast::trustee
