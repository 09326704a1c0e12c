// What a ledger does with flows that aggregate: a window's privacy budget is spent on one release, whole.
#include <algorithm>

#include "ledger/state.h"
#include "ledger/window.h"

namespace holdfast::ledger {

using namespace evidence;

const Ledger::Aggregated* Ledger::State::aggregated(std::string_view flow, UnixMillis at) const {
  const auto found = aggregates.find(flow);
  return found != aggregates.end() && at < found->second.until ? &found->second : nullptr;
}

Result<void> Ledger::State::may_aggregate(const agreement::Flow& flow, const AggregateReleased& released,
                                          UnixMillis at) const {
  if (!flow.aggregate) {
    return fail(Code::refused, "release.aggregate", flow.name, "this flow releases no sums over all subjects");
  }
  const agreement::Aggregate& declared = *flow.aggregate;
  const Aggregated* const before = aggregated(flow.name, at);
  if (!before) {
    if (released.spent && released.spent->epsilon == declared.epsilon && released.spent->delta == declared.delta_text) {
      return {};
    }
    return fail(Code::refused, "aggregate.budget", flow.name,
                "the first release within a window spends its privacy budget, and the entry does not say so");
  }
  if (!released.spent && released.digest == before->digest && before->what == declared.text()) return {};
  return fail(Code::exhausted, "aggregate.spent", flow.name,
              "the privacy budget of this flow is spent until " + to_rfc3339(before->until) +
                  "; until then nothing but the same figures, of the same terms, may be released by it",
              seconds_until(before->until, at));
}

void Ledger::State::take_aggregate(const Entry& entry, const AggregateReleased& released) {
  const auto index = find_flow(released.flow);
  if (released.spent && index && plan->flows[*index].aggregate) {
    const agreement::Aggregate& declared = *plan->flows[*index].aggregate;
    const UnixMillis until = calendar_window(declared.per, std::max(entry.at, newest_at)).end;
    aggregates.insert_or_assign(released.flow, Aggregated{released.digest, until, declared.text()});
  }
  count(tally_of(entry, released.flow, released.to, released.gives, index), released.groups, released.size_bytes);
}

std::optional<Ledger::Aggregated> Ledger::aggregated(std::string_view flow, UnixMillis now) const {
  const Aggregated* const found = state_->aggregated(flow, std::max(now, state_->newest_at));
  return found ? std::optional(*found) : std::nullopt;
}

}  // namespace holdfast::ledger
