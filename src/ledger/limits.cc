// What a ledger does with the limits of the agreement in force.
#include <algorithm>

#include "ledger/state.h"
#include "ledger/window.h"

namespace holdfast::ledger {
namespace {

/// Fewer than these are not worth a tidying.
constexpr std::uint32_t kNumbersKeptMin = 65'536;

tl::unexpected<Error> no_room(const agreement::Limit& limit, const Spending& spending, std::size_t devices,
                              UnixMillis at) {
  const UnixMillis renews = spending.renews_at(limit, at);
  if (!limit.of_rule) {
    return fail(Code::exhausted, "limit.exceeded", limit.name,
                "the limit '" + limit.text + "' is reached; there is room again from " + to_rfc3339(renews),
                seconds_until(renews, at));
  }
  std::string counted = std::to_string(spending.spent(at)) + " are counted";
  if (devices > 1) counted += ", and this release tells of " + std::to_string(devices);
  return fail(Code::exhausted, "rule.threshold", limit.name,
              limit.of_rule->rule + " lets data of at most " + limit.text + " reach " + limit.of_rule->scope +
                  ", and " + counted + "; there is room for another from " + to_rfc3339(renews),
              seconds_until(renews, at));
}

/// The numbers of what a release counts as where devices are counted: the subject, if it tells of none.
template <class NumberOf>
std::vector<std::uint32_t> device_numbers(const Pseudonym& subject, const std::vector<Pseudonym>* devices,
                                          NumberOf number_of) {
  std::vector<std::uint32_t> out;
  if (!devices) out.push_back(number_of(subject));
  if (devices) std::ranges::transform(*devices, std::back_inserter(out), number_of);
  return out;
}

}  // namespace

Result<void> Ledger::State::within_limits(const agreement::Flow& flow, const Pseudonym& subject,
                                          const std::vector<Pseudonym>* told_of, std::uint64_t records,
                                          UnixMillis at) const {
  if (flow.limits.empty()) return {};
  const std::uint32_t number = subjects.numbers.find(subject);
  bool count_devices = false;
  for (const agreement::LimitIndex index : flow.limits) {
    if (const RollingCount* rolling = spendings[index].rolling()) rolling->expect(number);
    count_devices = count_devices || plan->limits[index].counts == agreement::Limit::Counts::devices;
  }
  const bool known = told_of || flow.devices.empty();
  std::vector<std::uint32_t> of_devices;
  if (count_devices && known) {
    of_devices = device_numbers(subject, told_of, [&](const Pseudonym& each) { return devices.numbers.find(each); });
  }
  for (const agreement::LimitIndex index : flow.limits) {
    const agreement::Limit& limit = plan->limits[index];
    const bool by_device = limit.counts == agreement::Limit::Counts::devices;
    if (by_device && !known) continue;
    const Counted who{subject, by_device ? std::span<const std::uint32_t>(of_devices) : std::span(&number, 1)};
    if (spendings[index].has_room(limit, who, records, at)) continue;
    if (limit.counts == agreement::Limit::Counts::records && records > limit.amount) {
      return fail(Code::refused, "limit.size", limit.name,
                  "this one release would take " + std::to_string(records) + " records, and the limit '" + limit.text +
                      "' never has room for more than " + std::to_string(limit.amount));
    }
    return no_room(limit, spendings[index], by_device ? of_devices.size() : 0, at);
  }
  return {};
}

void Ledger::State::spend(const agreement::Flow& flow, const Pseudonym& subject, const std::vector<Pseudonym>* told_of,
                          std::uint64_t records, UnixMillis at) {
  std::uint32_t number = Numbers::kNone;
  std::vector<std::uint32_t> of_devices;
  for (const agreement::LimitIndex index : flow.limits) {
    const agreement::Limit& limit = plan->limits[index];
    const bool by_device = limit.counts == agreement::Limit::Counts::devices;
    if (by_device && of_devices.empty()) {
      of_devices = device_numbers(subject, told_of, [&](const Pseudonym& each) { return devices.numbers.add(each); });
    } else if (limit.rolling && !by_device && number == Numbers::kNone) {
      number = subjects.numbers.add(subject);
    }
    const Counted who{subject, by_device ? std::span<const std::uint32_t>(of_devices) : std::span(&number, 1)};
    spendings[index].spend(limit, who, records, at);
  }
}

void Ledger::State::advance(UnixMillis at) {
  for (Spending& spending : spendings) spending.advance(at);
  tidy(subjects, false);
  tidy(devices, true);
}

void Ledger::State::tidy(Seen& seen, bool counts_devices) {
  if (seen.numbers.size() / 2 < std::max(seen.kept, kNumbersKeptMin)) return;
  std::vector<RollingCount*> all;
  for (std::size_t i = 0; i < spendings.size(); ++i) {
    const bool by_device = plan->limits[i].counts == agreement::Limit::Counts::devices;
    if (spendings[i].rolling() && by_device == counts_devices) all.push_back(spendings[i].rolling());
  }
  std::vector<bool> counted(seen.numbers.size(), false);
  for (const RollingCount* each : all) {
    each->each_counted([&](std::uint32_t n, std::uint32_t) { counted[n] = true; });
  }
  const std::vector<std::uint32_t> moved = seen.numbers.keep(counted);
  for (RollingCount* each : all) each->renumber(moved);
  seen.kept = seen.numbers.size();
}

}  // namespace holdfast::ledger
