// Jobs: runs of a module over all subjects, and the products that they leave in custody.
#include <algorithm>
#include <set>

#include "ledger/state.h"

namespace holdfast::ledger {
namespace {

using namespace evidence;

constexpr std::size_t kJobsMax = 10 * Ledger::kJobsKept;  // only a log of forgeries has more; each is a finding anyway

/// "views.video": what a product of that name may have been made of.
std::set<std::string> carried_by(const agreement::Plan& plan, std::string_view product) {
  std::set<std::string> out;
  const auto maker = plan.find_maker(product);
  if (!maker) return out;
  for (const agreement::Carried& carried : plan.carried(*maker)) {
    const agreement::Collection& collection = plan.collections[carried.collection];
    out.insert(collection.name + "." + collection.fields[carried.field].name);
  }
  return out;
}

tl::unexpected<Error> undeclared(std::string_view flow) {
  return fail(Code::refused, "job.undeclared", shown(flow),
              "the agreement in force has no flow of that name that makes a product");
}

}  // namespace

Result<void> Ledger::State::runs_with(const agreement::Flow& flow, const std::optional<std::uint64_t>& product) const {
  if (!flow.with && !product) return {};
  const auto in_force = flow.with ? products.find(*flow.with) : products.end();
  if (in_force != products.end() && product == in_force->second.job) return {};
  return fail(Code::conflict, "product.stale", flow.with.value_or(""),
              in_force == products.end() ? "no product is in force that this flow could run with"
                                         : "the product that this flow runs with is that of job " +
                                               std::to_string(in_force->second.job) + "; ask again");
}

Result<const Ledger::Job*> Ledger::State::open_job(std::uint64_t id) const {
  const auto found = std::find_if(jobs.begin(), jobs.end(), [id](const Job& job) { return job.id == id; });
  if (found == jobs.end()) return fail(Code::conflict, "job.unknown", std::to_string(id), "no job of that name runs");
  if (found->end) return fail(Code::conflict, "job.ended", std::to_string(id), "this job has ended");
  return &*found;
}

Result<void> Ledger::State::may_start(const JobStarted& started) const {
  const auto index = find_flow(started.flow);
  if (!index || !plan->flows[*index].makes) return undeclared(started.flow);
  const agreement::Flow& flow = plan->flows[*index];
  for (const Job& job : jobs) {
    if (job.end || job.product != flow.makes) continue;
    return fail(Code::conflict, "job.running", shown(started.flow),
                "job " + std::to_string(job.id) + " makes this product already; wait for it, or cancel it");
  }
  if (started.gives != flow.gives_json) {
    return fail(Code::refused, "release.form", flow.name, "what is read is not what the flow declares");
  }
  return may_run(flow, &started.run);
}

Result<agreement::FlowIndex> Ledger::State::may_finish(std::uint64_t id) const {
  HF_TRY(const Job* const job, open_job(id));
  // What it read was right by the agreement under which it began, and need not be by another.
  if (job->agreement != plan->version) {
    return fail(Code::refused, "job.agreement", std::to_string(id),
                "another agreement came into force while the job ran, so its product is not kept; start it again");
  }
  const auto index = find_flow(job->started.flow);
  if (!index) return undeclared(job->started.flow);  // it was not right from its beginning
  HF_CHECK(may_run(plan->flows[*index], &job->started.run));
  return *index;
}

void Ledger::State::start_job(std::uint64_t index, const Entry& entry, const JobStarted& started) {
  if (jobs.size() >= kJobsMax) return;
  const auto flow = find_flow(started.flow);
  std::string product = flow ? plan->flows[*flow].makes.value_or("") : "";
  jobs.push_back({index, started, std::move(product), entry.agreement, entry.at, {}, 0, 0});
}

void Ledger::State::finish_job(const JobFinished& finished, UnixMillis at) {
  products.insert_or_assign(finished.product, Product{finished.product, finished.started, finished.digest,
                                                      finished.subjects, finished.records, finished.size_bytes, at});
}

void Ledger::State::end_job(std::uint64_t index, const Entry& entry, std::uint64_t id) {
  for (Job& job : jobs) {
    if (job.id != id || job.end) continue;
    job.end = entry.event;
    job.end_index = index;
    job.end_at = entry.at;
  }
  auto ended = std::count_if(jobs.begin(), jobs.end(), [](const Job& job) { return job.end.has_value(); });
  for (; ended > static_cast<std::ptrdiff_t>(kJobsKept); --ended) {
    jobs.erase(std::find_if(jobs.begin(), jobs.end(), [](const Job& job) { return job.end.has_value(); }));
  }
}

void Ledger::State::drop_products(const agreement::Plan& before) {
  std::erase_if(products, [&](const auto& each) {
    const auto was = carried_by(before, each.first), now = carried_by(*plan, each.first);
    return was.empty() || !std::includes(now.begin(), now.end(), was.begin(), was.end());
  });
}

Result<void> Ledger::may_finish(std::uint64_t job) const {
  HF_CHECK(state_->may_finish(job));
  return {};
}

const std::vector<Ledger::Job>& Ledger::jobs() const { return state_->jobs; }

std::optional<Ledger::Product> Ledger::product(std::string_view name) const {
  const auto found = state_->products.find(name);
  return found == state_->products.end() ? std::nullopt : std::optional(found->second);
}

std::vector<Ledger::Product> Ledger::products() const {
  std::vector<Product> out;
  for (const auto& [name, product] : state_->products) out.push_back(product);
  return out;
}

}  // namespace holdfast::ledger
