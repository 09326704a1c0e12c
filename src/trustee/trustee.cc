#include "trustee/trustee.h"

#include <algorithm>
#include <array>

#include "base/hash.h"
#include "trustee/impl.h"
#include "trustee/whole.h"

namespace holdfast::trustee {

namespace {

constexpr std::size_t kSaltBytes = 16;

/// Asking the kernel costs more than all else about a salt, so many are drawn at once.
Bytes new_salt() {
  thread_local std::array<char, 64 * kSaltBytes> drawn;
  thread_local std::size_t next = drawn.size();
  if (next == drawn.size()) {
    random_bytes(drawn.data(), drawn.size());
    next = 0;
  }
  char* const salt = drawn.data() + std::exchange(next, next + kSaltBytes);
  Bytes out(salt, kSaltBytes);
  wipe(salt, kSaltBytes);
  return out;
}

}  // namespace

Salted salted(ByteView payload) {
  Salted out;
  out.salt = new_salt();
  out.digest = sha256({out.salt, payload});
  return out;
}

Trustee::Trustee(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Trustee::~Trustee() {
  {
    const std::lock_guard lock(impl_->sweep_mutex);
    impl_->stopping = true;
  }
  impl_->sweep_wake.notify_all();
  if (impl_->sweeper.joinable()) impl_->sweeper.join();
  impl_->job_runner.reset();
  impl_->jobs.join();
  impl_->erasures.join();
  impl_->long_jobs.join();
  impl_->runs.reset();        // after its jobs; what waits for a run has been answered
  impl_->refusals->finish();  // puts what it counted on record, so before the log closes
  impl_->commits.reset();
  impl_->log.reset();
}

Result<std::unique_ptr<Trustee>> Trustee::open(storage::Store& store, vault::RootKeys& roots, SigningKey log_key,
                                               const Clock& clock, TrusteeOptions options) {
  auto impl = std::make_unique<Impl>(store, roots, clock, std::move(options));
  HF_CHECK(check_whole(store));
  HF_TRY(impl->vault, vault::Vault::create(store, roots, clock));
  impl->state = std::make_unique<State>(store, disclosure::TokenKeys(impl->vault->derive_secret("tokens")));
  HF_TRY(impl->log, evidence::Log::open(store, std::move(log_key), clock, *impl->state));
  HF_CHECK(bind_history(store, *impl->vault, *impl->log));
  impl->commits = std::make_unique<CommitQueue>(*impl->vault);
  impl->refusals = std::make_unique<Refusals>([raw = impl.get()](const Refusal& refusal, std::uint64_t count) {
    const auto active = raw->state->active();
    if (!active) return;  // nothing stands in the log before the first agreement
    evidence::Refused event{refusal.operation, refusal.flow, std::string(refusal.reason), count};
    raw->log->append(raw->entry(*active, refusal.party, std::move(event)),
                     [raw, refusal, count](const Result<evidence::Appended>& appended) {
                       if (appended) return;
                       const Error& error = appended.error();
                       raw->watch(error);
                       // Another agreement came into force meanwhile, or the log has no room just now.
                       if (error.slug == "agreement.version.stale" || error.slug == "evidence.log.busy") {
                         raw->refusals->put_back(refusal, count);
                       }
                     });
  });
  impl->module_files = std::make_unique<ModuleFiles>(store, impl->vault->derive_secret("module files"));
  impl->products = std::make_unique<Products>(store, impl->vault->derive_secret("products"));
  impl->aggregate_tables = std::make_unique<AggregateTables>(store, impl->vault->derive_secret("aggregates"));
  if (impl->options.sealed) {
    impl->run_seeds = impl->vault->derive_secret("runs");
    impl->runs = std::make_unique<Runs>(*impl->options.sealed,
                                        [raw = impl.get()](const Loadable& what) { return raw->module_parts(what); });
    impl->state->on_modules_changed([raw = impl.get()] { raw->refresh_modules(); });
  }
  HF_CHECK(impl->start());
  impl->job_runner = std::make_unique<JobRunner>(*impl);
  impl->sweeper = std::thread([raw = impl.get()] { raw->sweep_until_stopped(); });
  return std::unique_ptr<Trustee>(new Trustee(std::move(impl)));
}

Result<void> Trustee::Impl::start() {
  if (!state->active()) return {};
  HF_CHECK(check_log_key(*state->active()->plan, log->key()));
  HF_CHECK(append_now(own_name(), evidence::ServerStarted{options.binary, options.software}));
  refresh_modules();
  return finish_erasures();
}

Result<std::shared_ptr<const Active>> Trustee::Impl::active() const {
  auto out = state->active();
  if (!out) {
    return fail(Code::unavailable, "agreement.none", "",
                "no agreement is in force yet; adopt one: holdfast agreement adopt agreement.signed", 5);
  }
  return out;
}

Result<agreement::PartyIndex> Trustee::Impl::party(const Active& active, const Caller& caller) const {
  if (caller.kind == Caller::Kind::nobody) {
    return fail(Code::unauthenticated, "caller.unknown", "", "come with a client certificate that names a party");
  }
  if (caller.kind != Caller::Kind::party) {
    return fail(Code::refused, "caller.party", "", "only a party of the agreement may ask for this, not a subject");
  }
  const auto found = active.plan->find_party(caller.name);
  if (!found) {
    return fail(Code::refused, "caller.party", caller.name,
                "the agreement in force (" + active.plan->agreement + " version " +
                    std::to_string(active.plan->version) + ") has no such party");
  }
  return *found;
}

bool Trustee::Impl::readable(const vault::Subject& subject) const {
  return state->ledger([&](const ledger::Ledger& ledger) {
    const Pseudonym& who = subject.pseudonym();
    return !ledger.restricted(who) && !ledger.erasing(who) && !ledger.erased(who);
  });
}

Result<void> Trustee::Impl::require_trustee(const Caller& caller, const char* operation) {
  HF_TRY(const auto now, active());
  auto who = party(*now, caller);
  if (who && *who == now->plan->trustee()) return {};
  Error error = who ? Error{Code::refused, "caller.trustee", caller.name, "only the trustee itself may do this"}
                    : std::move(who).error();
  refuse(caller, operation, {}, error);
  return tl::unexpected<Error>(std::move(error));
}

Result<std::string> Trustee::Impl::serves(const Active& active, const Caller& caller,
                                          const std::string& subject) const {
  if (caller.kind == Caller::Kind::subject) {
    if (!equal_in_constant_time(caller.name, subject)) {
      return fail(Code::refused, "caller.subject", "", "a subject may ask for its own data only");
    }
    return std::string(kSubjectItself);
  }
  HF_TRY(const auto who, party(active, caller));
  const auto& served_by = active.plan->served_by;
  if (std::find(served_by.begin(), served_by.end(), who) == served_by.end()) {
    return fail(Code::refused, "caller.serves", caller.name,
                "this party does not pass on subjects' requests; the agreement's subjects.served-by says who does");
  }
  return caller.name;
}

std::string Trustee::Impl::own_name() const {
  const auto now = state->active();
  return now ? now->plan->parties[now->plan->trustee()].name : std::string();
}

evidence::Entry Trustee::Impl::entry(const Active& active, std::string party, evidence::Event event) const {
  evidence::Entry out;
  out.agreement = active.plan->version;
  out.party = std::move(party);
  out.event = std::move(event);
  return out;
}

Task<evidence::Appended> Trustee::Impl::append(evidence::Entry entry) {
  Appending appending;
  appending.entry = std::move(entry);
  co_await AppendTurns::pass(*log, appending);
  if (!appending.result) watch(appending.result.error());
  co_return std::move(appending.result);
}

Result<evidence::Appended> Trustee::Impl::append_now(std::string party, evidence::Event event) {
  // Between reading the version in force and the entry's turn another agreement may be adopted: then once more.
  for (int tries = 0;; ++tries) {
    HF_TRY(const auto now, active());
    auto out = log->append_and_wait(entry(*now, party, event));
    if (!out) watch(out.error());
    if (out || out.error().slug != "agreement.version.stale" || tries == 3) return out;
  }
}

void Trustee::Impl::refuse(const Caller& caller, const char* operation, const std::string& flow, const Error& error) {
  if (caller.kind == Caller::Kind::nobody) return;
  const auto now = state->active();
  if (!now) return;
  const bool known = now->plan->find_flow(flow).has_value();
  refusals->note(caller.kind == Caller::Kind::subject ? std::string(kSubjectItself) : caller.name, operation,
                 known ? flow : std::string(), error);
}

evidence::Log& Trustee::log() { return *impl_->log; }
bool Trustee::has_agreement() const { return impl_->state->active() != nullptr; }

Result<void> Trustee::ready() const {
  HF_CHECK(impl_->active());
  if (impl_->log_failed) {
    return fail(Code::unavailable, "evidence.log.failed", "",
                "a write to the evidence log failed, so nothing may leave; see to the disk and restart the server");
  }
  return impl_->store.health();
}

void Trustee::Impl::watch(const Error& error) {
  if (error.slug == "evidence.log.failed") log_failed = true;
}

Result<std::string> Trustee::agreement_note(std::string_view hash_hex) const {
  const auto raw = from_hex(hash_hex);
  const auto hash = raw ? Hash::from(*raw) : std::nullopt;
  if (!hash || to_hex(hash->view()) != hash_hex) {
    return fail(Code::not_found, "agreement.document.unknown", "", "an agreement is named by 64 lower-case hex digits");
  }
  HF_TRY(auto note, impl_->store.get_blob(agreement_blob(*hash)));
  if (!note) return fail(Code::not_found, "agreement.document.unknown", "", "no such agreement was adopted here");
  return std::move(*note);
}

Result<std::string> Trustee::agreement_note() const {
  HF_TRY(const auto now, impl_->active());
  return agreement_note(to_hex(now->plan->hash.view()));
}

}  // namespace holdfast::trustee
