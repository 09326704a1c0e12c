#include "trustee/loops/run_service.h"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/post.hpp>

namespace holdfast::trustee {

namespace asio = boost::asio;

asio::execution_context::id RunService::id;

Async<void> RunService::run(sealed::Pool& pool, const Hash& module, std::vector<sealed::Request> requests,
                            std::chrono::microseconds beat, Running& running) {
  const auto start = [&pool, &module, &requests, beat, &running](Running::Handler waiter) {
    asio::io_context& loop = asio::query(asio::get_associated_executor(waiter), asio::execution::context);
    auto& service = asio::use_service<RunService>(loop);
    service.begin(beat);
    running.answers.resize(requests.size());
    running.left.store(requests.size(), std::memory_order_relaxed);
    running.waiter.emplace(std::move(waiter));
    std::vector<sealed::Pool::Job> jobs;
    jobs.reserve(requests.size());
    for (std::size_t i = 0; i < requests.size(); ++i) {
      jobs.push_back({std::move(requests[i]), [&service, &running, i, beat](Result<sealed::Answer> answer) {
                        running.answers[i] = std::move(answer);
                        if (running.left.fetch_sub(1, std::memory_order_acq_rel) == 1) {
                          service.take_back(&running, beat.count() == 0);
                        }
                      }});
    }
    pool.submit(module, std::move(jobs));
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<Executor>, void()>(start, kAwait);
}

void RunService::begin(std::chrono::microseconds beat) {
  // Balanced in go_on(): a loop does not end while its runs are under way.
  loop_.get_executor().on_work_started();
  ++outstanding_;
  beat_ = beat;
  if (beat.count() != 0 && !waits_for_beat_) await_beat();
}

void RunService::take_back(Running* running, bool wake) {
  Running* before = back_.load(std::memory_order_relaxed);
  do {
    running->next = before;
  } while (!back_.compare_exchange_weak(before, running, std::memory_order_release, std::memory_order_relaxed));
  if (wake && !before) asio::post(loop_, [this] { go_on(); });
}

void RunService::await_beat() {
  waits_for_beat_ = true;
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  const auto beats = std::chrono::duration_cast<std::chrono::microseconds>(now) / beat_ + 1;
  beat_timer_.expires_at(std::chrono::steady_clock::time_point(beats * beat_));
  beat_timer_.async_wait([this](const boost::system::error_code& error) {
    waits_for_beat_ = false;
    if (error) return;
    go_on();
    if (outstanding_ != 0 && !waits_for_beat_) await_beat();
  });
}

void RunService::go_on() {
  Running* newest = back_.exchange(nullptr, std::memory_order_acquire);
  Running* oldest = nullptr;
  while (newest) {
    Running* const next = newest->next;
    newest->next = oldest;
    oldest = newest;
    newest = next;
  }
  while (oldest) {
    // It is gone as soon as its coroutine goes on.
    Running* const next = oldest->next;
    Running::Handler waiter = std::move(*oldest->waiter);
    --outstanding_;
    waiter();
    loop_.get_executor().on_work_finished();
    oldest = next;
  }
}

}  // namespace holdfast::trustee
