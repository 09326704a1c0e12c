#include "trustee/job_runner.h"

#include <set>

#include "base/hash.h"
#include "base/priority.h"
#include "base/secret.h"
#include "sealed/long_run.h"
#include "trustee/impl.h"

namespace holdfast::trustee {
namespace {

using Phase = JobProgress::Phase;

constexpr std::size_t kLockersAtOnce = 256;          // of one listing, and at most in one frame
constexpr std::size_t kFrameBytesWanted = 4u << 20;  // then the frame is handed over
constexpr std::chrono::milliseconds kIdle{60'000}, kRetry{5'000};

/// Was it stopped from outside, so that there is nothing to put on record now?
bool is_stop(const Error& error) { return error.slug == "sealed.run.stopped"; }

tl::unexpected<Error> stopped() { return fail(Code::conflict, "sealed.run.stopped", "", "the job is to stop"); }

}  // namespace

std::string_view to_string(Phase phase) {
  constexpr std::string_view kPhases[] = {"preparing", "gathering", "running", "keeping"};
  return kPhases[static_cast<std::size_t>(phase)];
}

/// One job, from its beginning to its product. Lives on the runner's thread, with which its worker would die.
class JobRun {
 public:
  JobRun(JobRunner& runner, const ledger::Ledger::Job& job) : runner_(runner), self_(runner.self_), job_(job) {
    progress_.job = job.id;
  }

  /// The entry that ends it.
  Result<evidence::Event> run() {
    enter(Phase::preparing);
    HF_CHECK(still_right());
    const agreement::Plan& plan = *active_->plan;
    const agreement::FlowIndex index = *plan.find_flow(job_.started.flow);
    const agreement::Flow& flow = plan.flows[index];
    const evidence::ModuleRun& run = job_.started.run;
    const SealedOptions& options = self_.runs->options();
    sealed::LongRunOptions how = options.job;
    how.program = options.pool.program;
    how.required_layers = options.pool.required_layers;
    how.output_bytes_max = static_cast<std::uint32_t>(flow.size_max_bytes.value_or(0));
    HF_TRY(const auto parts, self_.module_parts({run.module, run.product}));
    HF_TRY(auto worker, sealed::LongRun::start(how, parts.module, parts.context));

    enter(Phase::gathering);
    HF_CHECK(gather(*active_->run_inputs[index], worker));
    if (progress_.records == 0) {
      return fail(Code::not_found, "job.empty", flow.name, "nothing is held in what this flow reads");
    }

    enter(Phase::running);
    sealed::Request request;
    request.seed = self_.seed_of(run);
    request.time_ns = static_cast<std::uint64_t>(run.started) * 1'000'000;
    request.run_max = options.job_run_max;
    request.output_bytes_max = how.output_bytes_max;
    auto ended = worker.run(request, [this] { return goes_on(); });
    if (!ended && !is_stop(ended.error())) {
      self_.runs->note(flow.module, run.module, self_.clock.now(), in_log(ended.error().what), {});
    }
    HF_TRY(auto answer, std::move(ended));
    if (!answer.log.empty() || !answer.good()) {
      self_.runs->note(flow.module, run.module, self_.clock.now(), in_log(answer.text()), answer);
    }
    if (!answer.good()) return evidence::JobFailed{job_.id, "sealed.run." + std::string(ending_of(answer))};

    enter(Phase::keeping);
    Salted proof = salted(answer.output);
    HF_CHECK(self_.products->put(job_.id, proof.salt, answer.output));
    const std::uint64_t size = answer.output.size();
    wipe(answer.output);
    return evidence::JobFinished{job_.id, job_.product, proof.digest, subjects_, progress_.records, size};
  }

 private:
  /// Does what it began with still hold? Else it could not be recorded, and need not be done.
  Result<void> still_right() {
    if (!self_.runs) {
      return fail(Code::unsupported, "flow.kind.unavailable", job_.started.flow, "this server runs no sealed modules");
    }
    active_ = self_.state->active();
    if (!active_ || active_->plan->version != job_.agreement) {
      return fail(Code::refused, "job.agreement", "", "another agreement came into force");
    }
    return self_.state->ledger([&](const ledger::Ledger& ledger) { return ledger.may_finish(job_.id); });
  }

  std::string in_log(const std::string& how) const { return "job " + std::to_string(job_.id) + ", " + how; }

  bool goes_on() const {
    if (runner_.stopping()) return false;
    return self_.state->ledger([&](const ledger::Ledger& ledger) { return ledger.may_finish(job_.id).has_value(); });
  }

  void enter(Phase phase) {
    progress_.phase = phase;
    progress_.since = std::chrono::steady_clock::now();
    runner_.show(progress_);
  }

  Result<std::uint64_t> count_subjects() const {
    std::uint64_t count = 0;
    for (std::optional<LockerId> after;;) {
      HF_TRY(const auto lockers, self_.vault->list(after, 16 * kLockersAtOnce));
      if (lockers.empty()) return count;
      count += lockers.size();
      after = lockers.back();
    }
  }

  /// Hands the records of all subjects to the worker, a frame after the other; nothing of them stays here.
  Result<void> gather(const RunInput& input, sealed::LongRun& worker) {
    HF_TRY(progress_.subjects_in_all, count_subjects());
    for (std::optional<LockerId> after;;) {
      HF_TRY(const auto lockers, self_.vault->list(after, kLockersAtOnce));
      if (lockers.empty()) return {};
      after = lockers.back();
      for (std::span<const LockerId> left(lockers); !left.empty();) {
        if (!goes_on()) return stopped();
        HF_TRY(const std::size_t taken, hand_over(input, left, worker));
        left = left.subspan(taken);
      }
    }
  }

  /// One frame, of as many of `lockers` as make one; how many those were.
  Result<std::size_t> hand_over(const RunInput& input, std::span<const LockerId> lockers, sealed::LongRun& worker) {
    std::set<std::size_t> gone;  // erased while they were read
    for (;;) {
      HF_TRY(auto writer, sealed::FrameWriter::create(input.shapes()));
      std::uint64_t records = 0, subjects = 0;
      std::size_t taken = 0;
      std::optional<std::size_t> lost;
      for (; taken < lockers.size() && writer.size_bytes() < kFrameBytesWanted && !lost; ++taken) {
        if (gone.contains(taken)) continue;
        auto subject = self_.vault->open_locker(lockers[taken]);
        if (!subject && subject.error().code == Code::not_found) continue;
        if (!subject) return tl::unexpected<Error>(std::move(subject).error());
        if (!self_.readable(*subject)) continue;
        const auto added = input.add(*self_.vault, *subject, writer, nullptr);
        if (!added && added.error().slug == "vault.subject.erased") {
          lost = taken;
          continue;
        }
        HF_TRY(const std::uint64_t of_subject, added);
        records += of_subject;
        if (of_subject > 0) ++subjects;
      }
      if (lost) {  // what the frame holds of that subject cannot be taken back: once more, without
        gone.insert(*lost);
        continue;
      }
      if (subjects > 0) {
        Bytes frame;
        HF_CHECK(writer.finish(frame));
        const auto handed = worker.append(frame);
        wipe(frame);
        HF_CHECK(handed);
      }
      subjects_ += subjects;
      progress_.records += records;
      progress_.subjects += taken;
      progress_.bytes = worker.input_bytes();
      runner_.show(progress_);
      return taken;
    }
  }

  static std::string_view ending_of(const sealed::Answer& answer) {
    switch (answer.ending) {
      case sealed::Ending::trapped:
        return "trapped";
      case sealed::Ending::stack_exhausted:
        return "stack";
      case sealed::Ending::time_exhausted:
        return "time";
      case sealed::Ending::output_exhausted:
        return "output";
      case sealed::Ending::engine_refused:
        return "engine";
      case sealed::Ending::finished:
        break;
    }
    return "exit";
  }

  JobRunner& runner_;
  Trustee::Impl& self_;
  const ledger::Ledger::Job& job_;
  std::shared_ptr<const Active> active_;
  JobProgress progress_;
  std::uint64_t subjects_ = 0;  ///< whose records the module got
};

JobRunner::JobRunner(Trustee::Impl& self) : self_(self), thread_([this] { work(); }) {}

JobRunner::~JobRunner() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void JobRunner::wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  wake_.notify_all();
}

std::optional<JobProgress> JobRunner::progress() const {
  const std::lock_guard lock(mutex_);
  return progress_;
}

void JobRunner::show(const JobProgress& progress) {
  const std::lock_guard lock(mutex_);
  progress_ = progress;
}

bool JobRunner::stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

bool JobRunner::pause(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  progress_.reset();
  wake_.wait_for(lock, time, [this] { return stopping_ || woken_; });
  woken_ = false;
  return !stopping_;
}

std::optional<ledger::Ledger::Job> JobRunner::next() const {
  if (self_.log_failed) return std::nullopt;  // its end could not be recorded
  return self_.state->ledger([](const ledger::Ledger& ledger) -> std::optional<ledger::Ledger::Job> {
    for (const ledger::Ledger::Job& job : ledger.jobs()) {
      if (!job.end) return job;
    }
    return std::nullopt;
  });
}

void JobRunner::work() {
  give_way();             // and with it the workers, which inherit it
  self_.keep_products();  // what an interrupted job left
  do {
    bool recorded = true;
    for (std::optional<ledger::Ledger::Job> job; recorded && !stopping() && (job = next());) {
      auto end = JobRun(*this, *job).run();
      if (stopping()) return;
      if (!end && is_stop(end.error())) continue;  // cancelled, or it cannot be recorded: the next look tells
      if (!end) end = evidence::JobFailed{job->id, std::string(end.error().slug)};
      recorded = self_.end_job(job->id, *end);
    }
    // A log that takes nothing is told elsewhere; later it may.
    if (!pause(recorded ? kIdle : kRetry)) return;
  } while (true);
}

}  // namespace holdfast::trustee
