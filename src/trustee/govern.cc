// Adoption of an agreement, and what only the trustee does: root key, backup, status.
#include <boost/json.hpp>

#include "agreement/agreement.h"
#include "base/hash.h"
#include "trustee/impl.h"
#include "trustee/whole.h"

namespace holdfast::trustee {
namespace json = boost::json;

namespace {

/// What an earlier adoption left, else what is installed.
Result<std::string> find_pack(const Trustee::Impl& self, const agreement::PackReference& pack) {
  if (pack.hash) {
    HF_TRY(auto kept, self.store.get_blob(agreement_blob(*pack.hash)));
    if (kept) return std::move(*kept);
  }
  if (self.options.packs) return self.options.packs(pack);
  return fail(Code::not_found, "rules.missing", pack.name, "no rule packs are installed here");
}

/// Of what a caller sent: damage in it is the caller's error and not ours, and what is stored here is sound.
template <class T>
Result<T> of_caller(Result<T> judged) {
  if (!judged && judged.error().code == Code::corrupt) judged.error().code = Code::invalid;
  return judged;
}

}  // namespace

Task<std::uint64_t> Trustee::adopt(Caller caller, std::string text) {
  co_return co_await await_job(impl_->jobs, [&]() -> Result<std::uint64_t> {
    if (caller.kind != Caller::Kind::party) {
      return fail(Code::refused, "caller.party", "", "an agreement is brought by a party, not by a subject");
    }
    HF_TRY(const Note note, Note::parse(text));
    const agreement::PackReader packs = [this](const agreement::PackReference& pack) {
      return find_pack(*impl_, pack);
    };
    HF_TRY(const agreement::PlanPtr proposed, agreement::compile(note.text, packs));
    // Whoever verifies holds the log against the key that its agreement names, for as long as its entry stands.
    if (proposed->log && *proposed->log != impl_->log->key()) {
      return fail(
          Code::invalid, "agreement.log.other", "log",
          "the agreement names another key for the log than this server's, which is " + impl_->log->key().text());
    }
    const std::lock_guard lock(impl_->adopting);
    const auto now = impl_->state->active();
    const agreement::Plan& in_force = now ? *now->plan : *proposed;
    if (now) {
      if (const auto who = impl_->party(*now, caller); !who) {
        impl_->refuse(caller, "adopt", {}, who.error());
        return tl::unexpected<Error>(who.error());
      }
    }
    if (now && now->plan->hash == proposed->hash) {
      return fail(Code::conflict, "agreement.version.stale", proposed->agreement, "this agreement is in force already");
    }
    const auto judged = of_caller(agreement::check_quorum(in_force, *proposed, note));
    if (!judged) {
      Error refusal = judged.error();
      if (refusal.slug == "note.signature.wrong") refusal.code = Code::refused;  // tampered with: that goes on record
      impl_->refuse(caller, "adopt", {}, refusal);
      return tl::unexpected<Error>(judged.error());
    }
    HF_TRY(const auto signers, agreement::signers(in_force, note));
    evidence::AgreementAdopted event{proposed->hash, proposed->agreement, proposed->version, {}};
    for (const agreement::PartyIndex signer : signers) event.signed_by.push_back(in_force.parties[signer].key->text());

    const storage::Blob document{agreement_blob(proposed->hash), text};
    // One that lies there and was never adopted (its entry could not be written) may carry other signatures.
    HF_TRY(const auto left, impl_->store.get_blob(document.name));
    if (left && *left != text) HF_CHECK(impl_->store.delete_blobs(std::span(&document.name, 1)));
    // The rules are part of what is adopted: they lie beside it, so that the log alone tells what held.
    std::vector<storage::Blob> blobs{document};
    for (const agreement::AdoptedPack& pack : proposed->packs) {
      HF_TRY(auto rules, packs({pack.name, pack.version, pack.hash}));
      if (sha256(rules) != pack.hash) {
        return fail(Code::conflict, "agreement.under.hash", pack.reference(),
                    "the rule pack changed just now; try again");
      }
      blobs.push_back({agreement_blob(pack.hash), std::move(rules)});
    }
    HF_CHECK(impl_->store.put_blobs(blobs));
    evidence::Entry entry;
    entry.agreement = proposed->version;
    entry.party = caller.name;
    entry.event = std::move(event);
    HF_TRY(const auto appended, impl_->log->append_and_wait(std::move(entry)));
    if (!now) {
      // A crash before this is mended by the next start, which binds what is not bound.
      HF_CHECK(bind_history(impl_->store, *impl_->vault, *impl_->log));
      HF_CHECK(impl_->append_now(impl_->own_name(),
                                 evidence::ServerStarted{impl_->options.binary, impl_->options.software}));
    }
    return appended.index;
  });
}

Task<std::uint64_t> Trustee::rotate_root_key(Caller caller) {
  co_return co_await await_long_job(impl_->long_jobs, [&]() -> Result<std::uint64_t> {
    HF_CHECK(impl_->require_trustee(caller, "rotate"));
    HF_TRY(const vault::Rotation done, impl_->vault->rotate_root_key());
    HF_CHECK(impl_->append_now(caller.name,
                               evidence::RootKeyRotated{to_hex(done.from.view()), to_hex(done.to.view()), done.keys}));
    return done.keys;
  });
}

Task<void> Trustee::backup(Caller caller, std::string directory, std::string keys_directory) {
  co_return co_await await_long_job(impl_->long_jobs, [&]() -> Result<void> {
    HF_CHECK(impl_->require_trustee(caller, "backup"));
    HF_CHECK(impl_->store.prepare_backup(directory, keys_directory));
    // Before the copy, so that none leaves that is not on record; the copy holds it too.
    HF_CHECK(impl_->append_now(caller.name, evidence::BackupTaken{impl_->log->size()}));
    return impl_->store.backup(directory, keys_directory);
  });
}

Result<std::string> Trustee::status(const Caller& caller) const {
  HF_TRY(const auto active, impl_->active());
  HF_TRY(const auto who, impl_->party(*active, caller));
  const agreement::Plan& plan = *active->plan;
  const agreement::Role role = plan.parties[who].role;
  if (role != agreement::Role::trustee && role != agreement::Role::overseer) {
    return fail(Code::refused, "caller.role", caller.name, "the status is for the trustee and the overseer");
  }
  json::object out{{"agreement", plan.agreement}, {"version", plan.version}, {"hash", to_hex(plan.hash.view())}};
  out["log"] = json::object{
      {"origin", impl_->log->key().name()}, {"key", impl_->log->key().text()}, {"entries", impl_->log->size()}};
  const UnixMillis now = impl_->clock.now();
  impl_->state->ledger([&](const ledger::Ledger& ledger) {
    json::array limits, flows;
    for (const auto& budget : ledger.budgets(now)) {
      limits.push_back(json::object{{"limit", budget.limit},
                                    {"text", budget.text},
                                    {"amount", budget.amount},
                                    {"spent", budget.spent},
                                    {"renews", to_rfc3339(budget.renews_at)}});
    }
    for (const auto& tally : ledger.tallies()) {
      flows.push_back(json::object{{"flow", tally.flow},
                                   {"to", tally.to},
                                   {"version", tally.agreement},
                                   {"releases", tally.releases},
                                   {"bytes", tally.bytes},
                                   {"contained", tally.contained},
                                   {"last", to_rfc3339(tally.last)}});
    }
    out["limits"] = std::move(limits);
    out["flows"] = std::move(flows);
    out["erasures-unfinished"] = ledger.erasures_unfinished().size();
  });
  {
    const std::lock_guard lock(impl_->sweep_mutex);
    if (!impl_->sweep_failure.empty()) out["sweep-failed"] = impl_->sweep_failure;
  }
  json::object storage;
  for (const auto& [name, value] : impl_->store.statistics()) storage[name] = value;
  out["storage"] = std::move(storage);
  return json::serialize(out);
}

std::vector<Trustee::Budget> Trustee::budgets() const {
  std::vector<Budget> out;
  if (!has_agreement()) return out;
  const UnixMillis now = impl_->clock.now();
  impl_->state->ledger([&](const ledger::Ledger& ledger) {
    for (auto& budget : ledger.budgets(now)) out.push_back({std::move(budget.limit), budget.amount, budget.spent});
  });
  return out;
}

std::vector<std::pair<std::string, std::uint64_t>> Trustee::statistics() const {
  auto out = impl_->store.statistics();
  out.emplace_back("erasures_unfinished", impl_->state->ledger([](const ledger::Ledger& ledger) {
    return ledger.erasures_unfinished().size();
  }));
  const std::lock_guard lock(impl_->sweep_mutex);
  out.emplace_back("sweep_failed", impl_->sweep_failure.empty() ? 0 : 1);
  return out;
}

}  // namespace holdfast::trustee
