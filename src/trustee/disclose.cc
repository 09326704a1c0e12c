// Data leaves for a party by a flow of the agreement. Read release_of() from top to bottom: it is the border.
#include "base/near.h"
#include "disclosure/inspect.h"
#include "disclosure/value.h"
#include "trustee/devices.h"
#include "trustee/impl.h"

namespace holdfast::trustee {
namespace {

namespace asio = boost::asio;

/// Everything up to the record: what would leave, and the entry that must be on disk before it does.
struct Prepared {
  Disclosure disclosure;
  evidence::Entry entry;
};

/// A flow that this party may use, by name. Says what is missing where there is none.
Result<agreement::FlowIndex> find_flow(const agreement::Plan& plan, agreement::PartyIndex party,
                                       const std::string& name) {
  const auto found = plan.find_flow(name);
  if (found && plan.flows[*found].to == party) return *found;
  std::vector<std::string_view> own;
  std::string list;
  for (const agreement::Flow& flow : plan.flows) {
    if (flow.to != party) continue;
    own.push_back(flow.name);
    list += (list.empty() ? "" : ", ") + flow.name;
  }
  const std::string& who = plan.parties[party].name;
  const std::string where = plan.agreement + " version " + std::to_string(plan.version);
  if (found) {
    return fail(Code::refused, "flow.party", name,
                where + " declares this flow to " + plan.parties[plan.flows[*found].to].name + ", not to " + who);
  }
  return fail(Code::refused, "flow.unknown", name,
              where + " declares no such flow to " + who + " (declared: " + (list.empty() ? "none" : list) + ")" +
                  did_you_mean(name, own) +
                  " What is missing is a flow with recipient, use and forms in an agreement " +
                  "that the parties sign");
}

/// Step 4 to 6 for one collection: opens, decrypts, forms and inspects; appends `"name":…`. Answers the records given.
Result<std::uint64_t> form_collection(const vault::Vault& vault, const vault::Subject& subject,
                                      const agreement::Plan& plan, agreement::CollectionIndex index,
                                      const disclosure::RecordFormer& former, UnixMillis now, Devices& devices,
                                      Disclosure& out) {
  const agreement::Collection& collection = plan.collections[index];
  std::string& json = out.payload;
  const std::size_t start = json.size();
  if (json.size() > 1) json.push_back(',');
  disclosure::append_json_string(json, collection.name);
  json.push_back(':');
  if (!collection.append_only()) {
    auto stored = vault.read(subject, collection.tag);
    if (!stored) {
      json.resize(start);
      if (stored.error().code == Code::not_found) return std::uint64_t{0};
      return tl::unexpected<Error>(std::move(stored).error());
    }
    const std::size_t object = json.size();
    HF_CHECK(former.append(json, stored->record, now));
    HF_CHECK(disclosure::inspect(former, ByteView(json).substr(object), stored->record));
    out.version = stored->version;
    devices.add(index, stored->record, std::to_string(stored->version));
    return std::uint64_t{1};
  }
  std::uint64_t rows = 0;
  Result<void> formed;
  json.push_back('[');
  HF_CHECK(vault.read_rows(subject, collection.tag, [&](const vault::StoredRow& row) {
    if (rows++ > 0) json.push_back(',');
    const std::size_t object = json.size();
    formed = former.append(json, row.record, now);
    if (formed) formed = disclosure::inspect(former, ByteView(json).substr(object), row.record);
    devices.add(index, row.record, row.key);
    return formed.has_value();
  }));
  if (!formed) return tl::unexpected<Error>(std::move(formed).error());
  json.push_back(']');
  return rows;
}

/// Steps 1 to 6. Nothing has left and nothing is spent when it returns.
Result<Prepared> release_of(const Trustee::Impl& self, const Caller& caller, const std::string& flow_name,
                            const std::string& subject_id) {
  HF_TRY(const auto active, self.active());
  const agreement::Plan& plan = *active->plan;

  // 1. who
  HF_TRY(const auto party, self.party(*active, caller));

  // 2. plan
  HF_TRY(const auto index, find_flow(plan, party, flow_name));
  const agreement::Flow& flow = plan.flows[index];
  if (flow.kind != agreement::Flow::Kind::gives) {
    return fail(Code::unsupported, "flow.kind.unavailable", flow.name,
                "this flow is declared, but flows that run a module or aggregate are not available in this version");
  }

  // 3. limit: refuses early; the log holds the entry against the limits once more, in order, before it gets its place
  HF_TRY(const auto subject, self.vault->open(subject_id));
  const UnixMillis now = self.clock.now();
  HF_CHECK(self.state->ledger(
      [&](const ledger::Ledger& ledger) { return ledger.may_release(index, subject.pseudonym(), 1, now); }));

  // 4. read, 5. form, 6. inspect
  Prepared out;
  out.disclosure.payload.reserve(512);
  out.disclosure.payload.push_back('{');
  Devices devices(plan, flow, subject);
  std::uint64_t records = 0;
  for (std::size_t i = 0; i < flow.gives.size(); ++i) {
    HF_TRY(const auto given, form_collection(*self.vault, subject, plan, flow.gives[i].collection,
                                             active->formers[index][i], now, devices, out.disclosure));
    records += given;
  }
  out.disclosure.payload.push_back('}');
  if (records == 0) {
    return fail(Code::not_found, "vault.record.unknown", "", "nothing is held on this subject in what the flow gives");
  }
  if (flow.gives.size() != 1) out.disclosure.version.reset();
  if (flow.size_max_bytes && out.disclosure.payload.size() > *flow.size_max_bytes) {
    return fail(Code::refused, "limit.size", flow.name,
                "this release would be larger than the " + std::to_string(*flow.size_max_bytes) +
                    " bytes the agreement allows this flow");
  }
  HF_TRY(auto told_of, devices.take());
  Salted proof = salted(out.disclosure.payload);
  out.disclosure.salt = std::move(proof.salt);
  out.entry = self.entry(*active, caller.name,
                         evidence::Released{flow.name, plan.parties[flow.to].name, subject.pseudonym(), flow.gives_json,
                                            records, proof.digest, out.disclosure.payload.size(), std::move(told_of)});
  return out;
}

}  // namespace

Task<Disclosure> Trustee::disclose(Caller caller, std::string flow, std::string subject) {
  for (int tries = 0;; ++tries) {
    auto prepared = release_of(*impl_, caller, flow, subject);
    if (!prepared) {
      impl_->refuse(caller, "disclose", flow, prepared.error());
      co_return tl::unexpected<Error>(std::move(prepared).error());
    }
    // 7. record
    const auto appended = co_await impl_->append(std::move(prepared->entry));
    if (appended) {
      // 8. release
      prepared->disclosure.receipt = appended->index;
      co_return std::move(prepared->disclosure);
    }
    // Another agreement came into force meanwhile: judged anew by that one.
    if (appended.error().slug == "agreement.version.stale" && tries < 3) continue;
    impl_->refuse(caller, "disclose", flow, appended.error());
    co_return tl::unexpected<Error>(appended.error());
  }
}

Async<std::vector<BatchItem>> Trustee::disclose_batch(Caller caller, std::string flow,
                                                      std::vector<std::string> subjects) {
  std::vector<BatchItem> out;
  std::vector<evidence::Entry> entries;
  std::vector<std::size_t> item_of_entry;
  out.reserve(subjects.size());
  for (std::string& subject : subjects) {
    auto prepared = release_of(*impl_, caller, flow, subject);
    if (prepared) {
      entries.push_back(std::move(prepared->entry));
      item_of_entry.push_back(out.size());
      out.push_back({std::move(subject), std::move(prepared->disclosure)});
    } else {
      impl_->refuse(caller, "disclose", flow, prepared.error());
      out.push_back({std::move(subject), tl::unexpected<Error>(std::move(prepared).error())});
    }
  }
  if (entries.empty()) co_return out;

  using Answers = std::vector<Result<evidence::Appended>>;
  const auto start = [this, &entries](auto done) { impl_->log->append_many(std::move(entries), std::move(done)); };
  const Answers answers = co_await await_callback<Answers>(start);
  for (std::size_t i = 0; i < item_of_entry.size(); ++i) {
    Result<Disclosure>& item = out[item_of_entry[i]].disclosure;
    const Result<evidence::Appended>& answer = answers[i];
    if (answer) {
      item->receipt = answer->index;
    } else if (answer.error().slug == "agreement.version.stale") {
      item = co_await disclose(caller, flow, out[item_of_entry[i]].subject);
    } else {
      impl_->watch(answer.error());
      impl_->refuse(caller, "disclose", flow, answer.error());
      item = tl::unexpected<Error>(answer.error());
    }
  }
  co_return out;
}

}  // namespace holdfast::trustee
