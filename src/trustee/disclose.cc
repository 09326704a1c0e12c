// Data leaves for a party by a flow of the agreement. Read from ask() to the end: it is the border. What lies between
// reading and inspecting where a flow runs a sealed module is in run_module.cc.
#include "base/json.h"
#include "base/near.h"
#include "disclosure/inspect.h"
#include "trustee/devices.h"
#include "trustee/held.h"
#include "trustee/release.h"

namespace holdfast::trustee {

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
  const std::string hint = did_you_mean(name, own);
  return fail(Code::refused, "flow.unknown", name,
              where + " declares no such flow to " + who + " (declared: " + (list.empty() ? "none" : list) + ")" +
                  (hint.empty() ? "." : hint) +
                  " What is missing is a flow with recipient, use and forms in an agreement that the parties sign");
}

bool is_overtaken(const Error& error) {
  return error.slug == "agreement.version.stale" || error.slug == "release.module" || error.slug == "product.stale" ||
         error.slug == "product.missing" || error.slug == "sealed.module.unknown" ||
         error.slug == "sealed.pool.stopped";
}

namespace {

namespace asio = boost::asio;

/// Step 4 to 6 for one collection: opens, decrypts, forms and inspects; appends `"name":…`. Answers the records given.
Result<std::uint64_t> form_collection(const vault::Vault& vault, const vault::Subject& subject,
                                      const agreement::Plan& plan, agreement::CollectionIndex index,
                                      const disclosure::RecordFormer& former, UnixMillis now, Devices& devices,
                                      Disclosure& out) {
  const agreement::Collection& collection = plan.collections[index];
  std::string& json = out.payload;
  const std::size_t start = json.size();
  if (json.size() > 1) json.push_back(',');
  append_json_string(json, collection.name);
  json.push_back(':');
  if (collection.append_only()) json.push_back('[');
  std::uint64_t given = 0;
  Result<void> formed;
  HF_CHECK(read_held(vault, subject, Holding(collection), [&](const Held& held) {
    if (given++ > 0) json.push_back(',');
    const std::size_t object = json.size();
    formed = former.append(json, held.record, now);
    if (formed) formed = disclosure::inspect(former, ByteView(json).substr(object), held.record);
    devices.add(index, held.record, held.id);
    out.version = held.version;
    return formed.has_value();
  }));
  if (!formed) return tl::unexpected<Error>(std::move(formed).error());
  if (collection.append_only()) {
    json.push_back(']');
  } else if (given == 0) {
    json.resize(start);
  }
  return given;
}

/// Steps 1 to 3. Nothing has been read and nothing is spent when it returns.
Result<Asked> ask(const Trustee::Impl& self, const Caller& caller, const std::string& flow_name,
                  const std::string& subject_id) {
  HF_TRY(auto active, self.active());
  const agreement::Plan& plan = *active->plan;

  // 1. who
  HF_TRY(const auto party, self.party(*active, caller));

  // 2. plan
  HF_TRY(const auto index, find_flow(plan, party, flow_name));
  if (plan.flows[index].makes) {
    return fail(
        Code::refused, "flow.job", flow_name,
        "this flow makes a product of all subjects, which stays in custody; it gives nobody anything. The trustee "
        "starts it: holdfast job start " +
            flow_name);
  }
  if (plan.flows[index].aggregate) {
    return fail(Code::refused, "flow.kind", flow_name,
                "this flow releases sums over all subjects, and nothing of a single one: ask for it without a subject "
                "(GET /v1/flows/" +
                    flow_name + "/aggregate, or holdfast get " + flow_name + ")");
  }

  // 3. limit: refuses early; the log holds the entry against the limits once more, in order, before it gets its place
  HF_TRY(auto subject, self.vault->open(subject_id));
  const UnixMillis now = self.clock.now();
  HF_CHECK(self.state->ledger(
      [&](const ledger::Ledger& ledger) { return ledger.may_release(index, subject.pseudonym(), 1, now); }));
  return Asked{std::move(active), index, subject_id, std::move(subject), now};
}

/// Steps 4 to 6 of a flow that gives fields in agreed forms. Nothing has left and nothing is spent when it returns.
Result<Prepared> form_release(const Trustee::Impl& self, const Caller& caller, const Asked& asked) {
  const agreement::Plan& plan = *asked.active->plan;
  const agreement::Flow& flow = asked.flow();

  // 4. read, 5. form, 6. inspect
  Prepared out;
  out.disclosure.payload.reserve(512);
  out.disclosure.payload.push_back('{');
  Devices devices(plan, flow, asked.subject);
  std::uint64_t records = 0;
  for (std::size_t i = 0; i < flow.gives.size(); ++i) {
    HF_TRY(const auto given,
           form_collection(*self.vault, asked.subject, plan, flow.gives[i].collection,
                           asked.active->formers[asked.index][i], asked.now, devices, out.disclosure));
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
  out.entry = self.entry(*asked.active, caller.name,
                         evidence::Released{flow.name,
                                            plan.parties[flow.to].name,
                                            asked.subject.pseudonym(),
                                            flow.gives_json,
                                            records,
                                            proof.digest,
                                            out.disclosure.payload.size(),
                                            std::move(told_of),
                                            {}});
  return out;
}

bool runs_module(const Result<Asked>& asked) { return asked && asked->flow().kind == agreement::Flow::Kind::run; }

/// Step 8: what the log has taken goes out; of a run that was contained, only that it was.
Result<Disclosure> released(Prepared prepared, const evidence::Appended& appended) {
  if (prepared.contained) return tl::unexpected<Error>(*std::move(prepared.contained));
  prepared.disclosure.receipt = appended.index;
  return std::move(prepared.disclosure);
}

}  // namespace

Task<Disclosure> Trustee::disclose(Caller caller, std::string flow, std::string subject) {
  for (int tries = 1;; ++tries) {
    auto asked = ask(*impl_, caller, flow, subject);
    Result<Prepared> prepared;
    if (runs_module(asked)) {
      std::vector<Asked> one;
      one.push_back(std::move(*asked));
      auto of_one = co_await run_module(*impl_, caller, std::move(one));
      prepared = std::move(of_one.front());
    } else if (asked) {
      prepared = form_release(*impl_, caller, *asked);
    } else {
      prepared = tl::unexpected<Error>(std::move(asked).error());
    }
    if (!prepared) {
      if (is_overtaken(prepared.error()) && tries < kTriesMax) continue;
      impl_->refuse(caller, "disclose", flow, prepared.error());
      co_return tl::unexpected<Error>(std::move(prepared).error());
    }
    // 7. record
    const auto appended = co_await impl_->append(std::move(prepared->entry));
    // 8. release
    if (appended) co_return released(std::move(*prepared), *appended);
    if (is_overtaken(appended.error()) && tries < kTriesMax) continue;
    impl_->refuse(caller, "disclose", flow, appended.error());
    co_return tl::unexpected<Error>(appended.error());
  }
}

namespace {

/// One of a batch, while it is under way.
struct InBatch {
  std::string subject;
  Result<Prepared> prepared;
};

/// Steps 1 to 6 of all. Modules run many at a time, and no more, so that a batch's records are not all in memory.
Async<std::vector<InBatch>> prepare_batch(Trustee::Impl& self, const Caller& caller, const std::string& flow,
                                          std::vector<std::string> subjects) {
  constexpr std::size_t kRunsAtOnce = 64;
  std::vector<InBatch> out;
  out.reserve(subjects.size());
  std::vector<Asked> waiting;
  std::vector<std::size_t> item_of_waiting;
  for (std::size_t i = 0; i < subjects.size(); ++i) {
    auto asked = ask(self, caller, flow, subjects[i]);
    out.push_back({std::move(subjects[i]), Prepared{}});
    if (runs_module(asked)) {
      waiting.push_back(std::move(*asked));
      item_of_waiting.push_back(i);
    } else if (asked) {
      out[i].prepared = form_release(self, caller, *asked);
    } else {
      out[i].prepared = tl::unexpected<Error>(std::move(asked).error());
    }
    if (waiting.empty() || (waiting.size() < kRunsAtOnce && i + 1 < subjects.size())) continue;
    auto run = co_await run_module(self, caller, std::move(waiting));
    for (std::size_t k = 0; k < run.size(); ++k) out[item_of_waiting[k]].prepared = std::move(run[k]);
    waiting.clear();
    item_of_waiting.clear();
  }
  co_return out;
}

}  // namespace

Async<std::vector<BatchItem>> Trustee::disclose_batch(Caller caller, std::string flow,
                                                      std::vector<std::string> subjects) {
  auto items = co_await prepare_batch(*impl_, caller, flow, std::move(subjects));
  std::vector<evidence::Entry> entries;
  std::vector<std::size_t> item_of_entry;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!items[i].prepared) continue;
    entries.push_back(std::move(items[i].prepared->entry));
    item_of_entry.push_back(i);
  }
  using Answers = std::vector<Result<evidence::Appended>>;
  Answers answers;
  if (!entries.empty()) {
    const auto start = [this, &entries](auto done) { impl_->log->append_many(std::move(entries), std::move(done)); };
    answers = co_await await_callback<Answers>(start);
  }
  std::vector<BatchItem> out;
  out.reserve(items.size());
  std::size_t next = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    auto& [subject, prepared] = items[i];
    const bool recorded = next < item_of_entry.size() && item_of_entry[next] == i;
    const Result<evidence::Appended>* answer = recorded ? &answers[next++] : nullptr;
    if (answer && *answer) {
      out.push_back({std::move(subject), released(std::move(*prepared), **answer)});
      continue;
    }
    Error error = answer ? answer->error() : std::move(prepared).error();
    if (answer) impl_->watch(error);
    if (is_overtaken(error)) {
      auto again = co_await disclose(caller, flow, subject);
      out.push_back({std::move(subject), std::move(again)});
    } else {
      impl_->refuse(caller, "disclose", flow, error);
      out.push_back({std::move(subject), tl::unexpected<Error>(std::move(error))});
    }
  }
  co_return out;
}

}  // namespace holdfast::trustee
