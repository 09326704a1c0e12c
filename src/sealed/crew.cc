#include "sealed/crew.h"

#include <algorithm>

namespace holdfast::sealed {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kTick{20};  ///< at the latest after this a dead or overdue worker is noticed
constexpr milliseconds kRestartMin{10}, kRestartMax{5000};
/// A worker that had nothing to do may have collected garbage or been woken for nothing. More is not its own work.
constexpr milliseconds kIdleCpuMax{200};
constexpr milliseconds kIdleLook{1000};

Error stopped() {
  return {Code::unavailable, "sealed.pool.stopped", "", "sealed modules are being stopped; ask again later", 1};
}

tl::unexpected<Error> weak(std::uint32_t missing) {
  return fail(Code::refused, "sealed.jail.weak", "",
              "this machine does not give sealed modules: " + layer_names(missing) +
                  "; 'holdfast doctor' says more, and the configuration says what is required");
}

}  // namespace

Result<WorkerProcess> start_jailed(const std::string& program, TrusteeRing& ring, std::uint32_t required_layers,
                                   milliseconds start_max) {
  const auto until = std::chrono::steady_clock::now() + start_max;
  HF_TRY(auto process, WorkerProcess::start(program, ring.fd()));
  for (;;) {
    const WorkerState state = ring.state();
    if (state.stage == ring::Stage::failed) {
      return fail(Code::unavailable, "sealed.worker.start", "", "a worker for sealed modules: " + state.problem);
    }
    if (state.stage != ring::Stage::starting) {
      if (const std::uint32_t missing = required_layers & ~state.layers; missing != 0) return weak(missing);
      return process;
    }
    if (!process.alive()) {
      return fail(Code::unavailable, "sealed.worker.start", "", "a worker for sealed modules " + process.end());
    }
    if (std::chrono::steady_clock::now() > until) {
      return fail(Code::unavailable, "sealed.worker.start", "", "a worker for sealed modules does not come up");
    }
    ring.wait_stage(state.stage, kTick);
  }
}

Result<WorkerProcess> start_ready(const std::string& program, TrusteeRing& ring, std::uint32_t required_layers,
                                  milliseconds start_max, ByteView module, ByteView context) {
  const auto until = std::chrono::steady_clock::now() + start_max;
  HF_TRY(auto process, start_jailed(program, ring, required_layers, start_max));
  HF_CHECK(process.send_module(module, context));
  for (;;) {
    const WorkerState state = ring.state();
    if (state.stage == ring::Stage::ready) return process;
    if (state.stage == ring::Stage::failed) {
      return fail(Code::invalid, "sealed.module.rejected", "",
                  "the engine does not take this module: " + state.problem);
    }
    if (!process.alive()) {
      return fail(Code::invalid, "sealed.module.rejected", "",
                  "the engine broke while it compiled this module: worker " + process.end());
    }
    if (std::chrono::steady_clock::now() > until) {
      return fail(Code::invalid, "sealed.module.rejected", "", "this module takes too long to compile");
    }
    ring.wait_stage(state.stage, kTick);
  }
}

Crew::Crew(const PoolOptions& options, Bytes module, Bytes context, unsigned first_core)
    : options_(options), module_(std::move(module)), context_(std::move(context)) {
  for (unsigned i = 0; i < std::max(1u, options.workers_per_module); ++i) {
    posts_.push_back(std::make_unique<Post>());
    if (!options.cores.empty()) posts_.back()->core = options.cores[(first_core + i) % options.cores.size()];
  }
  for (auto& post : posts_) post->thread = std::thread([this, &post = *post] { keep(post); });
}

Crew::~Crew() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (auto& post : posts_) post->thread.join();
  fail_waiting(stopped());
}

Result<void> Crew::wait_ready() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return was_ready_ || first_failure_; });
  if (was_ready_) return {};
  return tl::unexpected<Error>(*first_failure_);
}

void Crew::submit(std::vector<Pool::Job> jobs) {
  std::vector<std::pair<Completion, Error>> refused;
  {
    const std::scoped_lock lock(mutex_);
    for (Pool::Job& job : jobs) {
      const auto& shape = options_.shape;
      if (job.request.input.size() > shape.input_bytes_max || job.request.output_bytes_max > shape.output_bytes_max ||
          job.request.run_max.count() <= 0 || job.request.run_max > std::chrono::hours(1)) {
        refused.emplace_back(std::move(job.done),
                             Error{Code::invalid, "sealed.request.too_large", "",
                                   "its input, output or time is more than workers are set up for"});
      } else if (stopping_) {
        refused.emplace_back(std::move(job.done), stopped());
      } else if (waiting_.size() >= options_.queue_max) {
        refused.emplace_back(std::move(job.done), Error{Code::exhausted, "sealed.queue.full", "",
                                                        "too many requests wait for this module", 1});
      } else {
        waiting_.push_back(std::move(job));
        if (Post* post = idlest(); post != nullptr) fill(*post);
      }
    }
    for (auto& post : posts_) {
      if (post->ring) post->ring->wake();
    }
  }
  for (auto& [done, why] : refused) done(tl::unexpected<Error>(std::move(why)));
}

void Crew::add_to(PoolStats& stats) const {
  const std::scoped_lock lock(mutex_);
  stats.runs += runs_;
  stats.workers_lost += lost_;
  stats.waiting += waiting_.size();
  for (const auto& post : posts_) stats.running += post->in_flight.size();
}

Crew::Post* Crew::idlest() {
  Post* best = nullptr;
  for (const auto& post : posts_) {
    if (!post->ring || post->ring->full()) continue;
    if (best == nullptr || post->in_flight.size() < best->in_flight.size()) best = post.get();
  }
  return best;
}

void Crew::fill(Post& post) {
  while (!waiting_.empty() && !post.ring->full()) {
    if (post.in_flight.empty()) post.first_since = Clock::now();
    post.ring->post(waiting_.front().request);
    post.in_flight.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
}

/// Keeps a worker at this post: one after the other, and more slowly when they do not come up.
void Crew::keep(Post& post) {
  milliseconds next = kRestartMin;
  for (;;) {
    const bool had_one = [&] {
      const auto ended = employ(post);
      const bool served = post.ring.has_value();
      dismiss(post, ended ? stopped() : ended.error());
      return served;
    }();
    next = had_one ? kRestartMin : std::min(next * 2, kRestartMax);
    if (!pause(had_one ? milliseconds(0) : next)) return;
  }
}

bool Crew::pause(milliseconds time) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, time, [this] { return stopping_; });
  return !stopping_;
}

Result<void> Crew::employ(Post& post) {
  std::optional<WorkerProcess> process;
  auto ring = start(post, process);
  if (!ring) return tl::unexpected<Error>(std::move(ring).error());
  {
    const std::scoped_lock lock(mutex_);
    if (stopping_) return {};
    post.ring.emplace(std::move(*ring));
    was_ready_ = true;
    fill(post);
    post.ring->wake();
  }
  changed_.notify_all();
  return serve(post, *process);
}

Result<TrusteeRing> Crew::start(Post& post, std::optional<WorkerProcess>& process) {
  WorkerSettings settings = options_.worker;
  settings.core = post.core;
  HF_TRY(auto ring, TrusteeRing::create(options_.shape, settings));
  HF_TRY(auto ready,
         start_ready(options_.program, ring, options_.required_layers, options_.start_max, module_, context_));
  process.emplace(std::move(ready));
  return ring;
}

Result<void> Crew::serve(Post& post, const WorkerProcess& process) {
  std::optional<std::pair<Clock::time_point, milliseconds>> idle;  // since when, and its CPU time then
  for (;;) {
    HF_TRY(const bool answered, take_answers(post));
    bool busy = answered;
    {
      const std::scoped_lock lock(mutex_);
      if (stopping_) return {};
      busy = busy || !post.in_flight.empty();
    }
    HF_CHECK(judge(post, process));
    if (busy) {
      idle.reset();
    } else if (!idle || Clock::now() - idle->first > kIdleLook) {
      const auto cpu = process.cpu_time();
      if (idle && cpu - idle->second > kIdleCpuMax) {
        return fail(Code::internal, "sealed.worker.lied", "", "a worker computed with nothing to do; it is replaced");
      }
      idle.emplace(Clock::now(), cpu);
    }
    if (answered) continue;
    if (busy && options_.collect_every.count() != 0) {
      std::this_thread::sleep_for(options_.collect_every);
    } else {
      post.ring->wait(kTick);
    }
  }
}

Result<bool> Crew::take_answers(Post& post) {
  bool any = false;
  for (;;) {
    HF_TRY(auto answer, post.ring->collect());
    if (!answer) return any;
    any = true;
    Pool::Job job;
    {
      const std::scoped_lock lock(mutex_);
      job = std::move(post.in_flight.front());
      post.in_flight.pop_front();
      post.first_since = Clock::now();
      ++runs_;
      if (!waiting_.empty()) {
        fill(post);
        post.ring->wake();
      }
    }
    job.done(std::move(*answer));
  }
}

Result<void> Crew::judge(Post& post, const WorkerProcess& process) {
  if (!process.alive()) {
    return fail(Code::internal, "sealed.worker.died", "", "the worker died while it ran this module; it is replaced");
  }
  const std::scoped_lock lock(mutex_);
  if (post.in_flight.empty()) return {};
  const auto limit = post.in_flight.front().request.run_max + options_.grace;
  if (Clock::now() - post.first_since <= limit) return {};
  return fail(Code::internal, "sealed.worker.overstayed", "",
              "the worker did not answer in time, and was killed; it is replaced");
}

/// The worker is gone. What it was at fails; what only waited behind that waits again, before all others.
void Crew::dismiss(Post& post, const Error& why) {
  std::vector<Completion> failed;
  bool nobody_left = false;
  {
    const std::scoped_lock lock(mutex_);
    if (post.ring) {
      if (!stopping_) ++lost_;
      post.ring.reset();
    } else {
      first_failure_ = why;
      nobody_left =
          std::none_of(posts_.begin(), posts_.end(), [](const auto& other) { return other->ring.has_value(); });
    }
    if (!post.in_flight.empty()) {
      failed.push_back(std::move(post.in_flight.front().done));
      post.in_flight.pop_front();
      for (; !post.in_flight.empty(); post.in_flight.pop_back()) waiting_.push_front(std::move(post.in_flight.back()));
    }
    for (auto& other : posts_) {
      if (!other->ring) continue;
      fill(*other);
      other->ring->wake();
    }
  }
  changed_.notify_all();
  for (auto& done : failed) done(tl::unexpected<Error>(why));
  if (nobody_left) fail_waiting({Code::unavailable, "sealed.worker.unavailable", "", why.what, 5});
}

void Crew::fail_waiting(const Error& why) {
  std::deque<Pool::Job> jobs;
  {
    const std::scoped_lock lock(mutex_);
    jobs.swap(waiting_);
  }
  for (auto& job : jobs) job.done(tl::unexpected<Error>(why));
}

}  // namespace holdfast::sealed
