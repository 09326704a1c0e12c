#include "ledger/ledger.h"

#include <algorithm>

#include "ledger/state.h"

namespace holdfast::ledger {

using namespace evidence;

Ledger::Ledger(DocumentReader documents, std::vector<VerifierKey> first_keys) : state_(std::make_unique<State>()) {
  state_->documents = [state = state_.get(), read = std::move(documents)](DocumentKind kind, const Hash& hash) {
    auto document = read(kind, hash);
    if (!document) state->unread = document.error();
    return document;
  };
  state_->first_keys = std::move(first_keys);
}
Ledger::~Ledger() = default;
Ledger::Ledger(Ledger&&) noexcept = default;
Ledger& Ledger::operator=(Ledger&&) noexcept = default;

std::string document_path(DocumentKind kind, const Hash& hash) {
  return (kind == DocumentKind::agreement ? "agreement/" : "statement/") + to_hex(hash.view());
}

namespace {

bool is_about_module(const Event& event) {
  return std::holds_alternative<ModuleSubmitted>(event) || std::holds_alternative<ModuleShown>(event) ||
         std::holds_alternative<ModuleReleased>(event) || std::holds_alternative<ModuleWithdrawn>(event);
}

/// What an entry does to sets of subjects; the other kinds change nothing here.
struct SubjectEffects {
  PseudonymSet &restricted, &erasing, &erased;

  void operator()(const SubjectRestricted& event) const { restricted.insert(event.subject); }
  void operator()(const SubjectUnrestricted& event) const { restricted.erase(event.subject); }
  void operator()(const ErasureAsked& event) const {
    if (!erased.contains(event.subject)) erasing.insert(event.subject);
  }
  void operator()(const ErasureDone& event) const {
    erasing.erase(event.subject);
    restricted.erase(event.subject);
    erased.insert(event.subject);
  }
  void operator()(const auto&) const {}
};

}  // namespace

void Ledger::apply(std::uint64_t index, const Entry& entry) {
  State& state = *state_;
  state.unread.reset();
  if (const auto* adopted = std::get_if<AgreementAdopted>(&entry.event)) {
    // Time is not looked at: an adoption with its quorum is one, even in a log whose times are wrong.
    if (auto next = state.judge(*adopted); next && entry.agreement == adopted->version) {
      state.adoptions.push_back({adopted->name, adopted->version, adopted->document, entry.at, adopted->signed_by});
      state.put_in_force(*std::move(next), entry.at);
    }
  } else if (const auto* released = std::get_if<Released>(&entry.event)) {
    const auto flow = state.find_flow(released->flow);
    if (flow) {
      const UnixMillis at = std::max(entry.at, state.newest_at);
      const auto& devices = released->devices;
      state.spend(state.plan->flows[*flow], released->subject, devices ? &*devices : nullptr, released->records, at);
    }
    state.count(state.tally_of(entry, released->flow, released->to, released->gives, flow), released->records,
                released->size_bytes);
  } else if (const auto* aggregate = std::get_if<AggregateReleased>(&entry.event)) {
    state.take_aggregate(entry, *aggregate);
  } else if (is_about_module(entry.event)) {
    if (state.judge(entry)) state.take_module(entry);
  } else if (const auto* failed_run = std::get_if<RunFailed>(&entry.event)) {
    state.take_failed_run(entry, *failed_run);
  } else if (const auto* started = std::get_if<JobStarted>(&entry.event)) {
    state.start_job(index, entry, *started);
  } else if (const auto* finished = std::get_if<JobFinished>(&entry.event)) {
    // One that was not right brings nothing into force, so that what runs with it is found.
    if (state.judge(entry)) state.finish_job(*finished, entry.at);
    state.end_job(index, entry, finished->started);
  } else if (const auto* failed = std::get_if<JobFailed>(&entry.event)) {
    state.end_job(index, entry, failed->started);
  } else if (const auto* cancelled = std::get_if<JobCancelled>(&entry.event)) {
    state.end_job(index, entry, cancelled->started);
  } else {
    std::visit(SubjectEffects{state.restricted, state.erasing, state.erased}, entry.event);
  }
  state.newest_at = std::max(state.newest_at, entry.at);
  state.advance(state.newest_at);
}

const std::optional<Error>& Ledger::unread() const { return state_->unread; }

std::optional<agreement::FlowIndex> Ledger::State::find_flow(std::string_view name) const {
  return plan ? plan->find_flow(name) : std::nullopt;
}

Ledger::Tally* Ledger::State::tally_of(const Entry& entry, std::string_view name, std::string_view to,
                                       std::string_view gives, std::optional<agreement::FlowIndex> flow) {
  const auto is_it = [&](const Tally& tally) {
    return tally.agreement == entry.agreement && tally.flow == name && tally.to == to && tally.gives == gives;
  };
  // Nearly always the flow's newest tally is the one; a search is for the first of a kind and for forgeries.
  std::uint32_t index = flow ? tally_of_flow[*flow] : kNoTally;
  if (index == kNoTally || !is_it(tallies[index])) {
    const auto found = std::find_if(tallies.begin(), tallies.end(), is_it);
    index = static_cast<std::uint32_t>(found - tallies.begin());
    if (found == tallies.end()) {
      if (tallies.size() == kTalliesMax) return nullptr;
      tallies.push_back(
          {std::string(name), std::string(to), std::string(gives), entry.agreement, 0, 0, 0, 0, entry.at, entry.at});
    }
    if (flow) tally_of_flow[*flow] = index;
  }
  tallies[index].last = std::max(tallies[index].last, entry.at);
  return &tallies[index];
}

void Ledger::State::count(Tally* tally, std::uint64_t records, std::uint64_t bytes) {
  if (!tally) return;
  tally->releases += 1;
  tally->records += records;
  tally->bytes += bytes;
}

const agreement::PlanPtr& Ledger::plan() const { return state_->plan; }
const std::vector<Ledger::Adoption>& Ledger::adoptions() const { return state_->adoptions; }
std::vector<Ledger::Tally> Ledger::tallies() const { return state_->tallies; }
bool Ledger::restricted(const Pseudonym& subject) const { return state_->restricted.contains(subject); }
bool Ledger::erasing(const Pseudonym& subject) const { return state_->erasing.contains(subject); }
bool Ledger::erased(const Pseudonym& subject) const { return state_->erased.contains(subject); }
bool Ledger::any_erased() const { return !state_->erased.empty(); }

const std::map<Hash, Ledger::SubmittedModule>& Ledger::submitted_modules() const { return state_->submitted; }
const std::map<std::string, Ledger::ReleasedModule, std::less<>>& Ledger::module_releases() const {
  return state_->module_releases;
}
const Ledger::ReleasedModule* Ledger::released_module(std::string_view module) const {
  return state_->released_module(module);
}

std::vector<Pseudonym> Ledger::erasures_unfinished() const {
  std::vector<Pseudonym> out(state_->erasing.begin(), state_->erasing.end());
  std::sort(out.begin(), out.end());
  return out;
}

Result<void> Ledger::may_release(agreement::FlowIndex flow, const Pseudonym& subject, std::uint64_t records,
                                 UnixMillis now) const {
  HF_ASSERT(state_->plan && flow < state_->plan->flows.size());
  HF_CHECK(state_->readable(subject));
  return state_->within_limits(state_->plan->flows[flow], subject, nullptr, records, std::max(now, state_->newest_at));
}

std::vector<Ledger::Budget> Ledger::budgets(UnixMillis now) const {
  std::vector<Budget> out;
  now = std::max(now, state_->newest_at);
  for (std::size_t i = 0; i < state_->spendings.size(); ++i) {
    const agreement::Limit& limit = state_->plan->limits[i];
    const Spending& spending = state_->spendings[i];
    out.push_back({limit.name, limit.text, limit.amount, spending.spent(now), spending.renews_at(limit, now)});
  }
  return out;
}

}  // namespace holdfast::ledger
