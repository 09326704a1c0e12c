// Jobs: a module of a flow that makes a product runs over all subjects. Only the trustee starts and cancels them.
#include <algorithm>
#include <boost/json.hpp>

#include "base/near.h"
#include "trustee/impl.h"

namespace holdfast::trustee {
namespace {

namespace json = boost::json;
using Job = ledger::Ledger::Job;

Result<agreement::FlowIndex> find_job_flow(const agreement::Plan& plan, const std::string& name) {
  const auto found = plan.find_flow(name);
  if (found && plan.flows[*found].makes) return *found;
  std::vector<std::string_view> known;
  for (const agreement::Flow& flow : plan.flows) {
    if (flow.makes) known.push_back(flow.name);
  }
  const std::string where = plan.agreement + " version " + std::to_string(plan.version);
  if (found) return fail(Code::refused, "job.undeclared", name, where + " says of this flow that it makes no product");
  return fail(Code::refused, "flow.unknown", name, where + " declares no such flow" + did_you_mean(name, known));
}

/// What it is to run, now.
Result<evidence::ModuleRun> run_of(const ledger::Ledger& ledger, const agreement::Flow& flow) {
  HF_TRY(const Loadable what, loadable_of(ledger, flow));
  return evidence::ModuleRun{what.module, what.product, new_run_seed(), 0};
}

std::string_view state_of(const Job& job, const std::optional<JobProgress>& progress) {
  if (!job.end) return progress && progress->job == job.id ? to_string(progress->phase) : "waiting";
  if (std::holds_alternative<evidence::JobFinished>(*job.end)) return "finished";
  return std::holds_alternative<evidence::JobFailed>(*job.end) ? "failed" : "cancelled";
}

json::object job_json(const Job& job, const std::optional<JobProgress>& progress, std::chrono::microseconds run_max) {
  json::object out{{"job", job.id},
                   {"flow", job.started.flow},
                   {"product", job.product},
                   {"state", state_of(job, progress)},
                   {"started", to_rfc3339(job.at)},
                   {"module", to_hex(job.started.run.module.view())}};
  if (job.started.run.product) out["with"] = *job.started.run.product;
  if (!job.end && progress && progress->job == job.id) {
    const auto since = std::chrono::steady_clock::now() - progress->since;
    out["subjects"] = progress->subjects;
    out["subjects_in_all"] = progress->subjects_in_all;
    out["records"] = progress->records;
    out["bytes"] = progress->bytes;
    out["phase_ms"] = std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
    out["run_max_ms"] = std::chrono::duration_cast<std::chrono::milliseconds>(run_max).count();
  }
  if (!job.end) return out;
  out["ended"] = to_rfc3339(job.end_at);
  out["receipt"] = job.end_index;
  if (const auto* finished = std::get_if<evidence::JobFinished>(&*job.end)) {
    out["subjects"] = finished->subjects;
    out["records"] = finished->records;
    out["size"] = finished->size_bytes;
  }
  if (const auto* failed = std::get_if<evidence::JobFailed>(&*job.end)) out["reason"] = failed->reason;
  return out;
}

tl::unexpected<Error> unknown_job(std::uint64_t id) {
  return fail(Code::not_found, "job.unknown", std::to_string(id),
              "there is no such job among those that run and the last " + std::to_string(ledger::Ledger::kJobsKept) +
                  "; the evidence has all: holdfast log entry " + std::to_string(id));
}

/// The trustee and the overseer look at jobs.
Result<void> may_look(const Trustee::Impl& self, const Caller& caller) {
  HF_TRY(const auto active, self.active());
  HF_TRY(const auto who, self.party(*active, caller));
  const agreement::Role role = active->plan->parties[who].role;
  if (role == agreement::Role::trustee || role == agreement::Role::overseer) return {};
  return fail(Code::refused, "caller.role", caller.name, "jobs are for the trustee and the overseer to look at");
}

}  // namespace

Task<std::uint64_t> Trustee::start_job(Caller caller, std::string flow_name) {
  co_return co_await await_job(impl_->jobs, [&]() -> Result<std::uint64_t> {
    HF_CHECK(impl_->require_trustee(caller, "job"));
    HF_TRY(const auto active, impl_->active());
    auto started = [&]() -> Result<evidence::Appended> {
      HF_TRY(const auto index, find_job_flow(*active->plan, flow_name));
      const agreement::Flow& flow = active->plan->flows[index];
      if (!impl_->runs) {
        return fail(Code::unsupported, "flow.kind.unavailable", flow.name,
                    "this server runs no sealed modules: the program for their workers is not beside it");
      }
      HF_TRY(auto run, impl_->state->ledger([&](const ledger::Ledger& ledger) { return run_of(ledger, flow); }));
      run.started = impl_->clock.now();
      return impl_->append_now(caller.name, evidence::JobStarted{flow.name, flow.gives_json, run});
    }();
    if (!started) {
      impl_->refuse(caller, "job", flow_name, started.error());
      return tl::unexpected<Error>(std::move(started).error());
    }
    impl_->job_runner->wake();
    return started->index;
  });
}

Task<std::uint64_t> Trustee::cancel_job(Caller caller, std::uint64_t id) {
  co_return co_await await_job(impl_->jobs, [&]() -> Result<std::uint64_t> {
    HF_CHECK(impl_->require_trustee(caller, "job"));
    const bool known = impl_->state->ledger([id](const ledger::Ledger& ledger) {
      return std::ranges::any_of(ledger.jobs(), [id](const Job& job) { return job.id == id; });
    });
    if (!known) return unknown_job(id);
    HF_TRY(const auto cancelled, impl_->append_now(caller.name, evidence::JobCancelled{id}));
    impl_->job_runner->wake();
    return cancelled.index;
  });
}

Result<std::string> Trustee::jobs(const Caller& caller) const {
  HF_CHECK(may_look(*impl_, caller));
  const auto progress = impl_->job_runner->progress();
  const auto run_max = impl_->runs ? impl_->runs->options().job_run_max : std::chrono::microseconds(0);
  json::array out;
  impl_->state->ledger([&](const ledger::Ledger& ledger) {
    for (const Job& job : ledger.jobs()) out.push_back(job_json(job, progress, run_max));
  });
  return json::serialize(json::object{{"jobs", std::move(out)}});
}

Result<std::string> Trustee::job(const Caller& caller, std::uint64_t id) const {
  HF_CHECK(may_look(*impl_, caller));
  const auto progress = impl_->job_runner->progress();
  const auto run_max = impl_->runs ? impl_->runs->options().job_run_max : std::chrono::microseconds(0);
  return impl_->state->ledger([&](const ledger::Ledger& ledger) -> Result<std::string> {
    for (const Job& job : ledger.jobs()) {
      if (job.id == id) return json::serialize(job_json(job, progress, run_max));
    }
    return unknown_job(id);
  });
}

bool Trustee::Impl::end_job(std::uint64_t id, const evidence::Event& end) {
  auto ended = append_now(own_name(), end);
  if (!ended && ended.error().code != Code::unavailable) {
    // What it read or ran with was right when it began, and is not now.
    ended = append_now(own_name(), evidence::JobFailed{id, std::string(ended.error().slug)});
  }
  keep_products();
  return ended.has_value() || ended.error().slug == "job.unknown" || ended.error().slug == "job.ended";
}

void Trustee::Impl::keep_products() {
  const auto list = state->ledger([](const ledger::Ledger& ledger) {
    std::set<std::uint64_t> out;
    for (const auto& product : ledger.products()) out.insert(product.job);
    return out;
  });
  // What is left over this time goes the next time.
  if (const auto kept = products->keep(list); !kept) watch(kept.error());
}

}  // namespace holdfast::trustee
