// What a ledger does with the limits of the agreement in force.
#include <algorithm>

#include "ledger/state.h"

namespace holdfast::ledger {
namespace {

/// Fewer than these are not worth a tidying.
constexpr std::uint32_t kNumbersKeptMin = 65'536;

int seconds_until(UnixMillis then, UnixMillis now) {
  return static_cast<int>(std::clamp<UnixMillis>((then - now + 999) / 1000, 1, 400LL * 86400));
}

}  // namespace

Result<void> Ledger::State::within_limits(const agreement::Flow& flow, const Pseudonym& subject, std::uint64_t records,
                                          UnixMillis at) const {
  const Counted who{subject, flow.limits.empty() ? Numbers::kNone : numbers.find(subject)};
  for (const agreement::LimitIndex index : flow.limits) {
    const agreement::Limit& limit = plan->limits[index];
    const Spending& spending = spendings[index];
    if (spending.has_room(limit, who, records, at)) continue;
    const UnixMillis renews = spending.renews_at(limit, at);
    if (limit.of_rule) {
      return fail(Code::exhausted, "rule.threshold", limit.name,
                  limit.of_rule->rule + " lets data of at most " + limit.text + " reach " + limit.of_rule->scope +
                      ", and " + std::to_string(spending.spent(at)) + " are counted; there is room for another from " +
                      to_rfc3339(renews),
                  seconds_until(renews, at));
    }
    return fail(Code::exhausted, "limit.exceeded", limit.name,
                "the limit '" + limit.text + "' is reached; there is room again from " + to_rfc3339(renews),
                seconds_until(renews, at));
  }
  return {};
}

void Ledger::State::spend(const agreement::Flow& flow, const Pseudonym& subject, std::uint64_t records, UnixMillis at) {
  Counted who{subject};
  for (const agreement::LimitIndex index : flow.limits) {
    const agreement::Limit& limit = plan->limits[index];
    if (limit.rolling && who.number == Numbers::kNone) who.number = numbers.add(subject);
    spendings[index].spend(limit, who, records, at);
  }
}

void Ledger::State::advance(UnixMillis at) {
  for (Spending& spending : spendings) spending.advance(at);
  if (numbers.size() / 2 < std::max(numbers_kept, kNumbersKeptMin)) return;
  std::vector<bool> counted(numbers.size(), false);
  for (const Spending& spending : spendings) {
    if (spending.rolling())
      spending.rolling()->each_counted([&](std::uint32_t n, std::uint32_t) { counted[n] = true; });
  }
  const std::vector<std::uint32_t> moved = numbers.keep(counted);
  for (Spending& spending : spendings) {
    if (spending.rolling()) spending.rolling()->renumber(moved);
  }
  numbers_kept = numbers.size();
}

}  // namespace holdfast::ledger
