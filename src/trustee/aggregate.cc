// Sums over all subjects leave for a party, with noise, by a flow of the agreement. The same eight steps as for one
// subject (disclose.cc); the limit is the flow's privacy budget, and one release within a window spends it whole.
#include "disclosure/aggregate.h"

#include "trustee/held.h"
#include "trustee/release.h"

namespace holdfast::trustee {
namespace {

using Table = AggregateTables::Table;

constexpr std::size_t kLockersAtOnce = 256;

/// Steps 1 to 3. Nothing has been read and nothing is spent.
struct AskedForAll {
  std::shared_ptr<const Active> active;
  agreement::FlowIndex index = 0;
  /// Set: the budget is spent, on these figures, and they may be told again.
  std::optional<Hash> released;
  const agreement::Flow& flow() const { return active->plan->flows[index]; }
};

Result<AskedForAll> ask(const Trustee::Impl& self, const Caller& caller, const std::string& flow_name) {
  HF_TRY(auto active, self.active());
  const agreement::Plan& plan = *active->plan;

  // 1. who
  HF_TRY(const auto party, self.party(*active, caller));

  // 2. plan
  HF_TRY(const auto index, find_flow(plan, party, flow_name));
  const agreement::Flow& flow = plan.flows[index];
  if (!flow.aggregate) {
    return fail(Code::refused, "flow.kind", flow_name,
                "this flow gives single subjects, and no sums over all: ask for one (GET /v1/flows/" + flow_name +
                    "/subjects/…, or holdfast get " + flow_name + " SUBJECT)");
  }

  // 3. limit: on other terms than those of the agreement in force nothing is told again, which step 7 says
  const auto before =
      self.state->ledger([&](const ledger::Ledger& ledger) { return ledger.aggregated(flow.name, self.clock.now()); });
  AskedForAll out{std::move(active), index, std::nullopt};
  if (before) out.released = before->digest;
  return out;
}

/// Adds one subject's records to the sums; nothing of one that was erased while it was read.
Result<void> add_subject(const vault::Vault& vault, const vault::Subject& subject,
                         const agreement::Collection& collection, disclosure::Aggregator& sums) {
  std::vector<ByteView> values;
  sums.begin_subject();
  const auto read = read_held(vault, subject, Holding(collection), [&](const Held& held) {
    values.clear();
    for (const std::uint32_t tag : sums.fields()) {
      const Bytes* stored = held.record.find(tag);
      values.push_back(stored ? ByteView(*stored) : ByteView());
    }
    sums.add(values);
    return true;
  });
  if (!read && read.error().slug == "vault.subject.erased") return {};
  HF_CHECK(read);
  return sums.end_subject();
}

/// Steps 4 and 5: reads all subjects that may be read, and makes the table.
Result<disclosure::Aggregator::Table> add_up(const Trustee::Impl& self, const AskedForAll& asked) {
  const agreement::Plan& plan = *asked.active->plan;
  const agreement::Collection& collection = plan.collections[asked.flow().reads.front().collection];
  disclosure::Aggregator sums(plan, asked.flow());

  // 4. read
  for (std::optional<LockerId> after;;) {
    HF_TRY(const auto lockers, self.vault->list(after, kLockersAtOnce));
    if (lockers.empty()) break;
    after = lockers.back();
    if (self.stopping) return fail(Code::unavailable, "server.stopping", "", "the server stops; ask again", 5);
    for (const LockerId& locker : lockers) {
      const auto subject = self.vault->open_locker(locker);
      if (!subject && subject.error().code == Code::not_found) continue;
      if (!subject) return tl::unexpected<Error>(subject.error());
      if (self.readable(*subject)) HF_CHECK(add_subject(*self.vault, *subject, collection, sums));
    }
  }

  // 5. form: bounds, sums, noise
  return sums.finish();
}

/// Steps 4 to 6, the table in custody so that it can be told again; or the one that is there. On a job thread.
Result<Table> table_of(Trustee::Impl& self, const AskedForAll& asked) {
  const std::string& flow = asked.flow().name;
  if (asked.released) return self.aggregate_tables->get(flow, *asked.released);
  HF_TRY(auto made, add_up(self, asked));

  // 6. inspect: what a group of few would tell, the noise has hidden; what is left to hold is the size
  if (made.json.size() > AggregateTables::kTableBytesMax) {
    return fail(Code::exhausted, "aggregate.large", flow,
                "this release would be larger than the " + std::to_string(AggregateTables::kTableBytesMax) +
                    " bytes that one may have; group by fewer fields");
  }
  Salted proof = salted(made.json);
  Table table{std::move(proof.salt), proof.digest, std::move(made.json), made.groups};
  HF_CHECK(self.aggregate_tables->put(flow, table));
  return table;
}

Result<Disclosure> release(Trustee::Impl& self, const Caller& caller, const AskedForAll& asked) {
  const agreement::Flow& flow = asked.flow();
  HF_TRY(Table table, table_of(self, asked));
  evidence::AggregateReleased event{flow.name,
                                    asked.active->plan->parties[flow.to].name,
                                    flow.gives_json,
                                    table.groups,
                                    table.digest,
                                    table.json.size(),
                                    {}};
  if (!asked.released) event.spent = evidence::PrivacySpent{flow.aggregate->delta_text, flow.aggregate->epsilon};

  // 7. record
  const auto appended = self.log->append_and_wait(self.entry(*asked.active, caller.name, std::move(event)));
  if (!appended) self.watch(appended.error());
  HF_CHECK(appended);

  // 8. release
  Disclosure out;
  out.payload = std::move(table.json);
  out.receipt = appended->index;
  out.salt = std::move(table.salt);
  const auto window =
      self.state->ledger([&](const ledger::Ledger& ledger) { return ledger.aggregated(flow.name, self.clock.now()); });
  if (window) out.renews_at = window->until;
  return out;
}

}  // namespace

Task<Disclosure> Trustee::aggregate(Caller caller, std::string flow) {
  co_return co_await await_long_job(impl_->long_jobs, [&]() -> Result<Disclosure> {
    for (int tries = 1;; ++tries) {
      std::unique_lock turn(impl_->aggregating, std::defer_lock);
      auto asked = ask(*impl_, caller, flow);
      if (asked && !asked->released) {
        if (!turn.try_lock()) {
          return fail(Code::unavailable, "aggregate.busy", flow,
                      "sums over all records are being made, one flow at a time; ask again in a moment", 2);
        }
        asked = ask(*impl_, caller, flow);  // who had the turn before may have released them
      }
      auto released = asked ? release(*impl_, caller, *asked) : tl::unexpected<Error>(asked.error());
      if (released) return released;
      if (is_overtaken(released.error()) && tries < kTriesMax) continue;
      impl_->refuse(caller, "aggregate", flow, released.error());
      return released;
    }
  });
}

}  // namespace holdfast::trustee
