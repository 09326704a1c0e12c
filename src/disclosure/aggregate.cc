#include "disclosure/aggregate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/json.h"
#include "disclosure/value.h"

namespace holdfast::disclosure {
namespace {

using agreement::FieldType;

constexpr std::uint64_t kMicro = 1'000'000;
constexpr std::size_t kNowhere = ~std::size_t{0};

/// A whole number of 10^-scale of what is stored; nothing if that is no number.
std::optional<std::int64_t> number_of(FieldType type, int scale, ByteView stored) {
  if (type == FieldType::integer) return integer_of(stored);
  if (type == FieldType::duration) return duration_ms_of(stored);
  auto decimal = decimal_of(stored);
  if (!decimal) return std::nullopt;
  for (; decimal->scale > scale; --decimal->scale) decimal->mantissa /= 10;
  for (; decimal->scale < scale; ++decimal->scale) {
    // Beyond every bound already, on its own side.
    if (__builtin_mul_overflow(decimal->mantissa, 10, &decimal->mantissa)) {
      using Limits = std::numeric_limits<std::int64_t>;
      return decimal->mantissa < 0 ? Limits::min() : Limits::max();
    }
  }
  return decimal->mantissa;
}

std::string number_text(std::int64_t amount, int scale) {
  if (scale == 0) return fmt::to_string(amount);
  HF_ASSERT(scale == 3);
  const std::uint64_t size = amount < 0 ? 0 - static_cast<std::uint64_t>(amount) : static_cast<std::uint64_t>(amount);
  return fmt::format("{}{}.{:03}", amount < 0 ? "-" : "", size / 1000, size % 1000);
}

/// Neither wraps: a sum of so much stays at its end.
std::int64_t plus(std::int64_t a, std::int64_t b) {
  std::int64_t out = 0;
  if (!__builtin_add_overflow(a, b, &out)) return out;
  return b < 0 ? std::numeric_limits<std::int64_t>::min() : std::numeric_limits<std::int64_t>::max();
}

}  // namespace

Aggregator::Aggregator(const agreement::Plan& plan, const agreement::Flow& flow) : what_(*flow.aggregate) {
  const agreement::Collection& collection = plan.collections[flow.reads.front().collection];
  for (const agreement::FieldIndex field : what_.by) {
    std::string name;
    append_json_string(name, collection.fields[field].name);
    by_.push_back({name + ":", collection.fields[field].type});
    tags_.push_back(collection.fields[field].tag);
  }
  for (const agreement::Measure& measure : what_.measures) {
    Sum sum{&measure, FieldType::integer, kNowhere};
    if (measure.field) {
      sum.type = collection.fields[*measure.field].type;
      sum.place = tags_.size();
      tags_.push_back(collection.fields[*measure.field].tag);
    }
    sums_.push_back(sum);
  }
  if (by_.empty()) {  // the one total is told whether there is anybody or not
    groups_.emplace("", 0);
    totals_.resize(1 + sums_.size());
  }
}

std::string Aggregator::group_of(std::span<const ByteView> values) const {
  std::string out;
  for (std::size_t i = 0; i < by_.size(); ++i) {
    out += by_[i].name;
    if (values[i].empty() || !append_json(out, by_[i].type, values[i])) out += "null";
    out.push_back(',');
  }
  return out;
}

std::int64_t Aggregator::amount_of(const Sum& sum, std::span<const ByteView> values) const {
  if (sum.place == kNowhere) return 1;
  const auto number = number_of(sum.type, sum.measure->scale, values[sum.place]);
  return number ? std::clamp(*number, sum.measure->low, sum.measure->high) : 0;
}

void Aggregator::begin_subject() {
  kept_.clear();
  seen_ = 0;
}

/// A sample of `contributions` of all that come, each as likely as another (Vitter, "Random Sampling with a
/// Reservoir", 1985, algorithm R).
void Aggregator::add(std::span<const ByteView> values) {
  HF_ASSERT(values.size() == tags_.size());
  ++seen_;
  std::size_t place = kept_.size();
  if (place < what_.contributions) {
    kept_.emplace_back();
  } else {
    place = noise_.below(seen_);
    if (place >= kept_.size()) return;
  }
  Kept& kept = kept_[place];
  kept.group = group_of(values);
  kept.amounts.clear();
  for (const Sum& sum : sums_) kept.amounts.push_back(amount_of(sum, values));
}

Result<void> Aggregator::end_subject() {
  std::ranges::sort(kept_, {}, &Kept::group);
  const std::size_t stride = 1 + sums_.size();
  std::size_t place = kNowhere;
  for (std::size_t i = 0; i < kept_.size(); ++i) {
    if (i == 0 || kept_[i].group != kept_[i - 1].group) {
      const auto [group, fresh] = groups_.try_emplace(kept_[i].group, totals_.size());
      place = group->second;
      if (fresh) totals_.resize(totals_.size() + stride);
      ++totals_[place];
    }
    for (std::size_t k = 0; k < sums_.size(); ++k) {
      std::int64_t& total = totals_[place + 1 + k];
      total = plus(total, kept_[i].amounts[k]);
    }
  }
  if (groups_.size() <= kGroupsMax) return {};
  return fail(Code::exhausted, "aggregate.groups", "",
              fmt::format("there are more than {} groups, more than one release can tell of; group by fewer fields, or "
                          "by one of fewer values",
                          kGroupsMax));
}

double Aggregator::scale(std::uint64_t most) const {
  return static_cast<double>(most) * static_cast<double>(what_.parts() * kMicro) /
         static_cast<double>(what_.epsilon_micro);
}

std::int64_t Aggregator::noise(std::uint64_t most) {
  return noise_.laplace(most * what_.parts() * kMicro, what_.epsilon_micro);
}

Aggregator::Table Aggregator::finish() {
  // A subject is in that many groups at most, and counts once in each.
  const double in_groups = what_.contributions;
  const double reach = scale(what_.contributions) * std::log(in_groups / what_.delta);
  const auto threshold = static_cast<std::int64_t>(std::ceil(reach * (1 + 1e-9))) + 1;
  const auto moves = [&](const Sum& sum) {
    return std::uint64_t{what_.contributions} * static_cast<std::uint64_t>(sum.measure->high);
  };

  std::vector<const std::pair<const std::string, std::size_t>*> told;
  for (const auto& group : groups_) {
    if (by_.empty() || plus(totals_[group.second], noise(what_.contributions)) >= threshold) told.push_back(&group);
  }
  std::ranges::sort(told, {}, [](const auto* group) -> const std::string& { return group->first; });

  Table out{"{\"groups\":[", told.size()};
  for (const auto* group : told) {
    out.json += fmt::format("{}{{{}", group == told.front() ? "" : ",", group->first);
    for (std::size_t k = 0; k < sums_.size(); ++k) {
      const agreement::Measure& measure = *sums_[k].measure;
      const std::int64_t sum = plus(totals_[group->second + 1 + k], noise(moves(sums_[k])));
      out.json += fmt::format("{}\"{}\":{}", k > 0 ? "," : "", measure.name, number_text(sum, measure.scale));
    }
    out.json += "}";
  }
  out.json += "],";
  if (!by_.empty()) out.json += fmt::format("\"hidden_below\":{},", threshold);
  out.json += "\"noise\":{";
  for (const Sum& sum : sums_) {
    const double rate = 1 / scale(moves(sum));
    out.json += fmt::format("{}\"{}\":{:.3f}", &sum == &sums_.front() ? "" : ",", sum.measure->name,
                            std::sqrt(2 * std::exp(-rate)) / -std::expm1(-rate) / std::pow(10.0, sum.measure->scale));
  }
  out.json += fmt::format("}},\"privacy\":\"{}\"}}", what_.privacy());
  return out;
}

}  // namespace holdfast::disclosure
