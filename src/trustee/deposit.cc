// One record or row comes into custody: evidence first, then the record, then the answer.
#include <algorithm>

#include "base/hash.h"
#include "base/near.h"
#include "trustee/held.h"
#include "trustee/impl.h"
#include "trustee/rows.h"

namespace holdfast::trustee {

namespace {

Result<agreement::CollectionIndex> find_depositable(const Trustee::Impl& self, const Active& active,
                                                    const Caller& caller, const std::string& name) {
  HF_TRY(const auto party, self.party(active, caller));
  const agreement::Plan& plan = *active.plan;
  const auto found = plan.find_collection(name);
  if (!found) {
    std::vector<std::string_view> known;
    for (const agreement::Collection& collection : plan.collections) known.push_back(collection.name);
    return fail(Code::refused, "collection.unknown", name,
                plan.agreement + " version " + std::to_string(plan.version) + " declares no such collection" +
                    did_you_mean(name, known));
  }
  const auto& from = plan.collections[*found].depositors;
  if (std::find(from.begin(), from.end(), party) == from.end()) {
    return fail(Code::refused, "collection.party", name,
                "the agreement does not name " + caller.name + " in this collection's 'from', so it may not deposit");
  }
  return *found;
}

}  // namespace

Result<agreement::CollectionIndex> depositable(Trustee::Impl& self, const Active& active, const Caller& caller,
                                               const std::string& name) {
  auto found = find_depositable(self, active, caller, name);
  if (!found) self.refuse(caller, "deposit", {}, found.error());
  return found;
}

namespace {

/// What a retry must repeat, and what it is then told.
Bytes encode_answer(const Deposit& deposit) {
  Bytes out;
  out.push_back(static_cast<char>(deposit.outcome));
  put_varint(out, deposit.version);
  put_varint(out, deposit.receipt);
  return out;
}

Result<Deposit> decode_answer(ByteView raw) {
  ByteReader reader(raw);
  Deposit out;
  const std::uint8_t outcome = reader.u8();
  out.version = reader.varint();
  out.receipt = reader.varint();
  if (!reader.done() || outcome > static_cast<std::uint8_t>(Deposit::Outcome::unchanged)) {
    return fail(Code::corrupt, "deposit.answer", "", "the answer kept for this idempotency key is damaged");
  }
  out.outcome = static_cast<Deposit::Outcome>(outcome);
  return out;
}

/// Opens the subject on the caller's thread if it is there, else makes it on a job thread, since that syncs: unless a
/// record that is there is expected, so that a deposit that is refused leaves nobody in custody.
Task<vault::Subject> open_for_deposit(Trustee::Impl& self, const std::string& subject, const vault::Expect& expect) {
  auto opened = self.vault->open(subject);
  if (opened || opened.error().slug != "vault.subject.unknown") co_return opened;
  if (expect.kind == vault::Expect::Kind::version) co_return vault::wrong_version();
  co_return co_await await_job(self.jobs, [&self, &subject] { return self.vault->open_or_create(subject); });
}

Task<void> commit(Trustee::Impl& self, vault::Draft draft) {
  Committing committing;
  committing.draft = std::move(draft);
  co_await CommitTurns::pass(*self.commits, committing);
  co_return std::move(committing.result);
}

using Change = std::function<Result<Deposit>(vault::Draft&)>;

struct DepositRequest {
  const Active& active;
  std::string party;
  const agreement::Collection& collection;
  std::string subject;
  std::string received;  ///< the record's JSON, for the digest
  std::optional<std::string> idempotency_key;
  vault::Expect expect;
  std::string fingerprint;  ///< what else makes the request this one: key, expected version
};

/// Drafts the change, puts it on record, commits; again from the start when it was overtaken.
Task<Deposit> deposit(Trustee::Impl& self, DepositRequest request, Change change) {
  const Hash digest =
      sha256({request.collection.name, "\n", request.subject, "\n", request.fingerprint, "\n", request.received});
  const std::string key = request.idempotency_key ? request.party + "\n" + *request.idempotency_key : std::string();
  std::optional<std::uint64_t> receipt;
  std::optional<Pseudonym> recorded;
  for (int tries = 0;; ++tries) {
    // Before the subject is opened, which makes one: a late retry must not bring back who was erased.
    if (!key.empty()) {
      HF_CO_TRY(const bool erased, self.vault->answer_erased(request.subject, key));
      if (erased) {
        co_return fail(Code::conflict, "idempotency.erased", "Idempotency-Key",
                       "what this request deposited was erased since, and a retry does not bring it back; to deposit "
                       "anew, use a new key");
      }
    }
    auto subject = co_await open_for_deposit(self, request.subject, request.expect);
    if (!subject) co_return tl::unexpected<Error>(std::move(subject).error());
    if (!key.empty()) {
      HF_CO_TRY(const auto known, self.vault->recall(*subject, key));
      if (known && known->request == digest) co_return decode_answer(known->answer);
      if (known) {
        co_return fail(Code::conflict, "idempotency.reused", "Idempotency-Key",
                       "this key came with another request before; use a new one");
      }
    }
    const Pseudonym pseudonym = subject->pseudonym();
    HF_CO_TRY(vault::Draft draft, self.vault->begin(std::move(*subject)));
    HF_CO_TRY(Deposit out, change(draft));
    if (recorded != pseudonym) {
      evidence::Deposited event{request.collection.name, pseudonym, 1, 1, salted(request.received).digest};
      evidence::Entry entry = self.entry(request.active, request.party, std::move(event));
      const auto appended = co_await self.append(std::move(entry));
      if (!appended) co_return tl::unexpected<Error>(appended.error());
      receipt = appended->index;
      recorded = pseudonym;
    }
    out.receipt = *receipt;
    if (!key.empty()) HF_CO_CHECK(self.vault->remember(draft, key, {digest, encode_answer(out)}));
    const auto committed = co_await commit(self, std::move(draft));
    if (committed) co_return out;
    // Another writer was quicker, or the subject was erased meanwhile and comes back as somebody new.
    const bool overtaken =
        committed.error().slug == "vault.draft.stale" || committed.error().slug == "vault.subject.erased";
    if (!overtaken || tries == 8) {
      co_return tl::unexpected<Error>(committed.error());
    }
  }
}

std::string fingerprint(const vault::Expect& expect) {
  return std::to_string(static_cast<int>(expect.kind)) + ":" + std::to_string(expect.version);
}

/// One try of put_record, under the agreement in force as it begins.
Task<Deposit> put_once(Trustee::Impl& self, const Caller& caller, const std::string& collection_name,
                       const std::string& subject, const std::string& json, const vault::Expect& expect,
                       const std::optional<std::string>& idempotency_key) {
  HF_CO_TRY(const auto active, self.active());
  HF_CO_TRY(const auto index, depositable(self, *active, caller, collection_name));
  const agreement::Collection& collection = active->plan->collections[index];
  if (collection.append_only()) {
    co_return fail(Code::invalid, "collection.append_only", collection.name,
                   "this collection holds many records a subject; append to …/records/{" + *collection.key + "}");
  }
  HF_CO_TRY(vault::Record record, record_from_json(collection, json));
  DepositRequest request{*active, caller.name, collection, subject, json, idempotency_key, expect, fingerprint(expect)};
  const Change put = [&](vault::Draft& draft) -> Result<Deposit> {
    HF_TRY(const vault::PutOutcome outcome, self.vault->put(draft, retention_of(collection), record, expect));
    return Deposit{static_cast<Deposit::Outcome>(outcome.kind), outcome.version, 0};
  };
  co_return co_await deposit(self, std::move(request), put);
}

/// One try of append_row, likewise.
Task<Deposit> append_once(Trustee::Impl& self, const Caller& caller, const std::string& collection_name,
                          const std::string& subject, const std::string& key, const std::string& json,
                          const std::optional<std::string>& idempotency_key) {
  HF_CO_TRY(const auto active, self.active());
  HF_CO_TRY(const auto index, depositable(self, *active, caller, collection_name));
  const agreement::Collection& collection = active->plan->collections[index];
  if (!collection.append_only()) {
    co_return fail(Code::invalid, "collection.single", collection.name,
                   "this collection holds one record a subject; PUT it without a key");
  }
  HF_CO_CHECK(check_key(collection, key));
  HF_CO_TRY(vault::Record record, record_from_json(collection, json));
  const vault::Row row{key, std::move(record)};
  DepositRequest request{*active, caller.name, collection, subject, json, idempotency_key, {}, key};
  const Change append = [&](vault::Draft& draft) -> Result<Deposit> {
    HF_TRY(const auto outcomes, self.vault->append(draft, retention_of(collection), std::span(&row, 1)));
    if (outcomes.front() == vault::AppendOutcome::exists) {
      return fail(Code::conflict, "vault.record.exists", *collection.key,
                  "another record stands under this key, and records of this collection are never replaced");
    }
    const bool added = outcomes.front() == vault::AppendOutcome::appended;
    return Deposit{added ? Deposit::Outcome::created : Deposit::Outcome::unchanged, 0, 0};
  };
  co_return co_await deposit(self, std::move(request), append);
}

/// Another agreement came into force between the judgement and the record: nothing was put on record, so it is judged
/// anew by that one.
bool judge_anew(const Result<Deposit>& out, int tries) {
  return !out && out.error().slug == "agreement.version.stale" && tries < 3;
}

}  // namespace

Task<Deposit> Trustee::put_record(Caller caller, std::string collection, std::string subject, std::string json,
                                  vault::Expect expect, std::optional<std::string> idempotency_key) {
  for (int tries = 0;; ++tries) {
    auto out = co_await put_once(*impl_, caller, collection, subject, json, expect, idempotency_key);
    if (!judge_anew(out, tries)) co_return out;
  }
}

Task<Deposit> Trustee::append_row(Caller caller, std::string collection, std::string subject, std::string key,
                                  std::string json, std::optional<std::string> idempotency_key) {
  for (int tries = 0;; ++tries) {
    auto out = co_await append_once(*impl_, caller, collection, subject, key, json, idempotency_key);
    if (!judge_anew(out, tries)) co_return out;
  }
}

}  // namespace holdfast::trustee
