#include <algorithm>

#include "base/plain.h"
#include "ledger/state.h"

namespace holdfast::ledger {

using namespace evidence;

tl::unexpected<Error> wrong_party(std::string_view party, std::string_view kind) {
  return fail(Code::refused, "party.wrong", shown(party),
              "the agreement in force does not let this party have an entry of kind " + std::string(kind));
}

std::string shown(std::string_view name) { return to_plain(name.substr(0, 64)); }

/// One overload a kind of entry: is it right, now?
class Rules {
 public:
  Rules(Ledger::State& state, const Entry& entry) : state_(state), entry_(entry) {}

  Result<void> operator()(const AgreementAdopted& adopted) const {
    if (entry_.agreement != adopted.version) {
      return fail(Code::refused, "agreement.version.stale", shown(adopted.name),
                  "the entry of an adoption must carry the version adopted");
    }
    HF_TRY(const agreement::PlanPtr next, state_.judge(adopted));
    if (!state_.knows(entry_.party) && !next->find_party(entry_.party)) return wrong_party(entry_.party, entry_.kind());
    return {};
  }
  Result<void> operator()(const ServerStarted&) const { return by_trustee(); }
  Result<void> operator()(const RetentionSwept&) const { return by_trustee(); }
  Result<void> operator()(const RootKeyRotated&) const { return by_trustee(); }
  Result<void> operator()(const BackupTaken&) const { return by_trustee(); }
  /// Whoever was turned away: it may be a party that the agreement does not know.
  Result<void> operator()(const Refused&) const { return version_not_ahead(); }

  Result<void> operator()(const Deposited& deposited) const {
    HF_CHECK(version_in_force());
    const auto found = state_.plan->find_collection(deposited.collection);
    if (!found) {
      return fail(Code::refused, "deposit.undeclared", shown(deposited.collection),
                  "the agreement in force declares no such collection");
    }
    const auto& depositors = state_.plan->collections[*found].depositors;
    const auto party = state_.plan->find_party(entry_.party);
    if (!party || std::find(depositors.begin(), depositors.end(), *party) == depositors.end()) {
      return fail(Code::refused, "deposit.party", shown(entry_.party),
                  "the agreement in force does not let this party deposit in '" + deposited.collection + "'");
    }
    return deposited.subject ? not_erased(*deposited.subject) : Result<void>();
  }

  Result<void> operator()(const Released& released) const {
    HF_CHECK(version_in_force());
    HF_TRY(const agreement::Flow* const declared_flow, declared(released.flow));
    const agreement::Flow& flow = *declared_flow;
    HF_CHECK(by_recipient(flow, released.to));
    HF_CHECK(state_.may_run(flow, released.run ? &*released.run : nullptr));
    HF_CHECK(given_as_declared(flow, released.gives));
    if (flow.size_max_bytes && released.size_bytes > *flow.size_max_bytes) {
      return fail(Code::exhausted, "release.size", flow.name,
                  "the payload is larger than the " + std::to_string(*flow.size_max_bytes) +
                      " bytes that the flow allows a release");
    }
    HF_CHECK(devices_as_declared(flow, released));
    HF_CHECK(state_.readable(released.subject));
    const auto& devices = released.devices;
    return state_.within_limits(flow, released.subject, devices ? &*devices : nullptr, released.records, entry_.at);
  }
  Result<void> operator()(const AggregateReleased& released) const {
    HF_CHECK(version_in_force());
    HF_TRY(const agreement::Flow* const flow, declared(released.flow));
    HF_CHECK(by_recipient(*flow, released.to));
    HF_CHECK(given_as_declared(*flow, released.gives));
    return state_.may_aggregate(*flow, released, entry_.at);
  }
  /// Judged as a release is, and spends like one: how a run ended tells its caller something of the subject.
  Result<void> operator()(const RunFailed& failed) const {
    HF_CHECK(version_in_force());
    HF_TRY(const agreement::Flow* const declared_flow, declared(failed.flow));
    const agreement::Flow& flow = *declared_flow;
    HF_CHECK(by_recipient(flow, entry_.party));
    HF_CHECK(state_.may_run(flow, &failed.run));
    HF_CHECK(state_.readable(failed.subject));
    return state_.within_limits(flow, failed.subject, nullptr, failed.records, entry_.at);
  }
  /// Who reads what modules write to their stderr sees what they were given.
  Result<void> operator()(const ModuleLogRead&) const {
    HF_CHECK(version_in_force());
    const auto party = state_.plan->find_party(entry_.party);
    if (party && state_.plan->reads_module_logs(*party)) return {};
    return wrong_party(entry_.party, entry_.kind());
  }

  Result<void> operator()(const ModuleSubmitted& submitted) const {
    HF_CHECK(version_in_force());
    return state_.may_submit(entry_.party, submitted);
  }
  Result<void> operator()(const ModuleShown& event) const {
    HF_CHECK(version_in_force());
    return state_.may_be_shown(entry_.party, event);
  }
  Result<void> operator()(const ModuleReleased& released) const {
    HF_CHECK(version_in_force());
    return state_.may_release(entry_.party, released);
  }
  Result<void> operator()(const ModuleWithdrawn& withdrawn) const {
    HF_CHECK(version_in_force());
    return state_.may_withdraw(entry_.party, withdrawn);
  }

  Result<void> operator()(const JobStarted& started) const {
    HF_CHECK(version_in_force());
    HF_CHECK(by_trustee());
    return state_.may_start(started);
  }
  Result<void> operator()(const JobFinished& finished) const {
    HF_CHECK(by_trustee());
    HF_CHECK(version_in_force());
    HF_TRY(const agreement::FlowIndex index, state_.may_finish(finished.started));
    const agreement::Flow& flow = state_.plan->flows[index];
    if (finished.product != flow.makes) {
      return fail(Code::refused, "job.product", shown(finished.product), "this is not the product that the flow makes");
    }
    if (finished.size_bytes > flow.size_max_bytes.value_or(0)) {
      return fail(Code::exhausted, "job.size", flow.name,
                  "the product is larger than the " + std::to_string(flow.size_max_bytes.value_or(0)) +
                      " bytes that the flow lets its module put out");
    }
    return {};
  }
  Result<void> operator()(const JobFailed& failed) const { return ends(failed.started); }
  Result<void> operator()(const JobCancelled& cancelled) const { return ends(cancelled.started); }

  Result<void> operator()(const SubjectExported& exported) const {
    HF_CHECK(version_in_force());
    HF_CHECK(for_subject());
    return not_erased(exported.subject);
  }
  Result<void> operator()(const SubjectRestricted& restricted) const {
    HF_CHECK(for_subject());
    return not_erased(restricted.subject);
  }
  Result<void> operator()(const SubjectUnrestricted&) const { return for_subject(); }
  Result<void> operator()(const ErasureAsked& asked) const {
    HF_CHECK(for_subject());
    if (!state_.erased.contains(asked.subject)) return {};
    return fail(Code::conflict, "subject.erased", "", "this subject has been erased already");
  }
  Result<void> operator()(const ErasureDone& done) const {
    HF_CHECK(by_trustee());
    if (state_.erasing.contains(done.subject)) return {};
    return fail(Code::conflict, "erasure.unasked", "",
                "an erasure is recorded as done that nobody asked for, or that was done before");
  }

 private:
  Result<const agreement::Flow*> declared(std::string_view flow) const {
    if (const auto index = state_.find_flow(flow)) return &state_.plan->flows[*index];
    return fail(Code::refused, "release.undeclared", shown(flow), "the agreement in force declares no such flow");
  }
  static Result<void> given_as_declared(const agreement::Flow& flow, std::string_view gives) {
    if (gives == flow.gives_json) return {};
    return fail(Code::refused, "release.form", flow.name, "what was given, or its form, is not what the flow declares");
  }
  static Result<void> devices_as_declared(const agreement::Flow& flow, const Released& released) {
    const bool named = released.devices.has_value();
    const auto unordered = [](const Pseudonym& a, const Pseudonym& b) { return !(a < b); };
    if (named == !flow.devices.empty() &&
        (!named || std::ranges::adjacent_find(*released.devices, unordered) == released.devices->end())) {
      return {};
    }
    return fail(Code::refused, "release.devices", flow.name,
                named && !flow.devices.empty() ? "the devices that a release tells of must be ascending, none twice"
                : named                        ? "this flow's devices are not counted, so its releases name none"
                        : "this flow's devices are counted, and the release does not say which it tells of");
  }
  /// Personal data comes and goes under the agreement in force, and under no other.
  Result<void> version_in_force() const {
    if (entry_.agreement == state_.plan->version) return {};
    return fail(Code::conflict, "agreement.version.stale", "",
                "version " + std::to_string(state_.plan->version) +
                    " of the agreement is in force, the entry carries " + std::to_string(entry_.agreement) +
                    "; ask again under the one in force");
  }
  /// The server's own doings, begun under one version, may be recorded under the next.
  Result<void> version_not_ahead() const {
    return entry_.agreement > state_.plan->version ? version_in_force() : Result<void>();
  }
  Result<void> by_recipient(const agreement::Flow& flow, std::string_view to) const {
    if (flow.makes) {
      return fail(Code::refused, "release.product", flow.name,
                  "what this flow makes stays in custody, so nothing can be released by it");
    }
    const std::string& recipient = state_.plan->parties[flow.to].name;
    if (to == recipient && entry_.party == recipient) return {};
    return fail(Code::refused, "release.recipient", flow.name,
                "the recipient of this flow is '" + recipient + "', and nobody else may ask or receive");
  }
  Result<void> by_trustee() const {
    HF_CHECK(version_not_ahead());
    if (state_.is_trustee(entry_.party)) return {};
    return wrong_party(entry_.party, entry_.kind());
  }
  Result<void> for_subject() const {
    HF_CHECK(version_not_ahead());
    if (entry_.party == "subject" || state_.is_trustee(entry_.party)) return {};
    for (const agreement::PartyIndex party : state_.plan->served_by) {
      if (state_.plan->parties[party].name == entry_.party) return {};
    }
    return wrong_party(entry_.party, entry_.kind());
  }
  Result<void> ends(std::uint64_t job) const {
    HF_CHECK(by_trustee());
    HF_CHECK(state_.open_job(job));
    return {};
  }
  Result<void> not_erased(const Pseudonym& subject) const {
    if (!state_.erasing.contains(subject) && !state_.erased.contains(subject)) return {};
    return fail(Code::refused, "subject.erased", "", "the subject's erasure has been asked for");
  }

  Ledger::State& state_;
  const Entry& entry_;
};

Result<void> Ledger::admit(const Entry& entry) const {
  if (entry.at < state_->newest_at) {
    return fail(Code::refused, "evidence.time.backwards", "", "the entry is older than the one before it");
  }
  return state_->judge(entry);
}

Result<void> Ledger::State::judge(const Entry& entry) {
  if (!plan && !std::holds_alternative<AgreementAdopted>(entry.event)) {
    return fail(Code::refused, "agreement.none", "", "no agreement is in force yet, so nothing may be recorded");
  }
  return std::visit(Rules(*this, entry), entry.event);
}

Result<void> Ledger::State::readable(const Pseudonym& subject) const {
  if (erasing.contains(subject) || erased.contains(subject)) {
    return fail(Code::refused, "subject.erased", "", "the subject's erasure has been asked for");
  }
  if (restricted.contains(subject)) {
    return fail(Code::refused, "subject.restricted", "",
                "the processing of this subject's data is restricted; it may be read again when that is lifted");
  }
  return {};
}

}  // namespace holdfast::ledger
