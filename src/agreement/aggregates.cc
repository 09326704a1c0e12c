#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "agreement/spelling.h"
#include "agreement/terms.h"

namespace holdfast::agreement {
namespace {

constexpr double kBoundMax = 1e12;
constexpr double kMicro = 1e6;
/// Noise is drawn with whole numbers of 64 bits (disclosure/noise.h).
constexpr double kNoiseMax = 7e16;

void add_field(Reads& reads, FieldIndex field) {
  if (std::find(reads.fields.begin(), reads.fields.end(), field) == reads.fields.end()) reads.fields.push_back(field);
}

/// A bound as a whole number of 10^-scale.
std::optional<std::int64_t> bound_of(std::string_view text, int scale) {
  const auto number = parse_decimal(text);
  const double scaled = number ? *number * std::pow(10.0, scale) : 0;
  if (!number || scaled > kBoundMax || std::abs(scaled - std::round(scaled)) > 1e-6) return std::nullopt;
  return std::llround(scaled);
}

/// Bounds are of the field's own sort: 0s..600s for a duration, plain numbers otherwise. Both bounds are needed:
/// they fix how much one record can move the sum, and with it the noise.
bool read_range(std::string_view text, FieldType type, Measure& measure) {
  const auto dots = text.find("..");
  if (dots == std::string_view::npos) return false;
  std::string_view low = text.substr(0, dots), high = text.substr(dots + 2);
  if (type == FieldType::duration) {
    if (!low.ends_with('s') || !high.ends_with('s')) return false;
    low.remove_suffix(1);
    high.remove_suffix(1);
  }
  measure.scale = type == FieldType::integer ? 0 : 3;
  const auto from = bound_of(low, measure.scale), to = bound_of(high, measure.scale);
  if (!from || !to || *from >= *to) return false;
  measure.low = *from;
  measure.high = *to;
  return true;
}

/// "count" or "sum of watched within 0s..600s"; nothing after reporting what it is not.
std::optional<Measure> read_measure(const Node& node, std::string_view name, Reads& reads, Draft& draft) {
  static constexpr std::string_view kExpected = "'count', or a sum such as 'sum of watched within 0s..600s'";
  const std::string* text = text_of(node, kExpected, draft.findings);
  if (!text) return std::nullopt;
  Measure measure{std::string(name), {}, 0, 1, 0, *text};
  if (*text == "count") {  // says that records are there, so something of every field
    const auto& fields = draft.plan.collections[reads.collection].fields;
    for (std::size_t i = 0; i < fields.size(); ++i) add_field(reads, static_cast<FieldIndex>(i));
    return measure;
  }
  std::string_view rest = *text;
  const auto within = rest.find(" within ");
  if (!rest.starts_with("sum of ") || within == std::string_view::npos || within < 7) {
    add_expected("agreement.measure.malformed", node, kExpected, draft.findings);
    return std::nullopt;
  }
  const auto field = resolve_field(rest.substr(7, within - 7), node.at, reads.collection, draft);
  if (!field) return std::nullopt;
  const FieldType type = draft.plan.collections[reads.collection].fields[*field].type;
  if (type != FieldType::integer && type != FieldType::decimal && type != FieldType::duration) {
    draft.findings.add("agreement.measure.type", node.at,
                       fmt::format("a sum is made of integers, decimals or durations, and '{}' is {}",
                                   rest.substr(7, within - 7), to_string(type)));
    return std::nullopt;
  }
  if (!read_range(rest.substr(within + 8), type, measure)) {
    add_expected("agreement.measure.malformed", node,
                 type == FieldType::duration
                     ? "bounds in seconds such as 'within 0s..600s', none below 0, the lower first, at most "
                       "three digits behind the point"
                 : type == FieldType::decimal
                     ? "bounds such as 'within 0..100', none below 0, the lower first, at most three digits "
                       "behind the point"
                     : "bounds such as 'within 0..100', none below 0, the lower first, without a point",
                 draft.findings);
    return std::nullopt;
  }
  measure.field = field;
  add_field(reads, *field);
  return measure;
}

void read_privacy(const Node& node, Aggregate& out, Draft& draft) {
  Findings& findings = draft.findings;
  const Terms terms(node, "privacy", {"epsilon", "delta", "per", "contributions"}, findings);
  const auto decimal = [&](std::string_view term, std::string_view expected, double least, double max,
                           std::string& spelled) {
    const Node* value = terms.required(term, expected);
    const std::string* text = value ? text_of(*value, expected, findings) : nullptr;
    if (!text) return 0.0;
    const auto number = parse_decimal(*text);
    if (!number || value->in_quotes || *number < least || *number > max) {
      add_expected("agreement.number.malformed", *value, expected, findings);
      return 0.0;
    }
    spelled = *text;
    return *number;
  };
  const double epsilon = decimal("epsilon", "a number from 0.000001 to 20", 1 / kMicro, 20, out.epsilon);
  out.epsilon_micro = static_cast<std::uint64_t>(epsilon * kMicro + 1e-6);  // what is finer is left out, never added
  out.delta = decimal("delta", "a number from 1e-30 to 0.01, such as 1e-9", 1e-30, 0.01, out.delta_text);
  if (const Node* per = terms.required("per", "hour, day, week, month or year")) {
    const std::string* text = text_of(*per, "hour, day, week, month or year", findings);
    const auto window = text ? parse_window(*text) : std::nullopt;
    if (window) out.per = *window;
    if (text && !window) add_expected("agreement.window.unknown", *per, "hour, day, week, month or year", findings);
  }
  if (const Node* contributions = terms.required("contributions", "how many records of one subject count at most")) {
    const auto most = number_of(*contributions, "a whole number above 0, at most 1000000", 1'000'000, findings);
    if (most) out.contributions = static_cast<std::uint32_t>(*most);
  }
}

void read_by(const Node& node, Aggregate& out, Reads& reads, Draft& draft) {
  if (node.kind == Node::Kind::list && node.items.empty()) return;  // one total
  each_text(node, "fields", false, draft.findings, [&](const Node& item) {
    const auto field = resolve_field(item.text, item.at, reads.collection, draft);
    if (!field) return;
    out.by.push_back(*field);
    add_field(reads, *field);
  });
}

void read_measures(const Node& node, Aggregate& out, Reads& reads, Draft& draft) {
  const Collection& collection = draft.plan.collections[reads.collection];
  each_named(node, "measure", 50, draft.findings, [&](const Node::Member& member) {
    const auto grouped = std::ranges::find(
        out.by, member.key, [&](FieldIndex field) -> const std::string& { return collection.fields[field].name; });
    if (grouped != out.by.end()) {
      draft.findings.add("agreement.measure.repeated", member.at,
                         fmt::format("'{}' is a field that is grouped by; a measure needs another name", member.key));
    }
    auto measure = read_measure(member.value, member.key, reads, draft);
    if (measure) out.measures.push_back(std::move(*measure));
  });
}

std::string sums_of(const Aggregate& aggregate, const Collection& collection) {
  std::vector<std::string> by, measures;
  for (const FieldIndex field : aggregate.by) by.push_back(collection.fields[field].name);
  for (const Measure& measure : aggregate.measures) measures.push_back(measure.name + " (" + measure.text + ")");
  return fmt::format("{}, {}: {}", collection.name,
                     by.empty() ? "in all" : fmt::format("by {}", fmt::join(by, " and ")), fmt::join(measures, ", "));
}

/// Is the noise that a measure needs of a size that can be drawn?
void check_noise(const Node& node, const Aggregate& aggregate, Findings& findings) {
  for (const Measure& measure : aggregate.measures) {
    const double scale =
        static_cast<double>(measure.high) * aggregate.contributions * kMicro * static_cast<double>(aggregate.parts());
    if (scale <= kNoiseMax) continue;
    findings.add("agreement.measure.wide", node.at,
                 fmt::format("the bounds of '{}' are too wide for {} records of a subject: all that is released would "
                             "be noise; narrow the bounds or let fewer records count",
                             measure.name, aggregate.contributions));
  }
}

}  // namespace

void read_aggregate(const Node& node, Flow& flow, Draft& draft) {
  Findings& findings = draft.findings;
  const Terms terms(node, "an aggregate", {"from", "by", "measure", "privacy"}, findings);
  const Node* from = terms.required("from", "the collection that is aggregated");
  const Node* by = terms.required("by", "the fields to group by; [] for one total");
  const Node* measure = terms.required("measure", "what is measured, such as {views: count}");
  const std::string* name = from ? text_of(*from, "the name of a collection", findings) : nullptr;
  const auto collection = name ? resolve_collection(*name, from->at, draft) : std::nullopt;
  Aggregate& aggregate = flow.aggregate.emplace();
  if (const Node* privacy = terms.required("privacy", "{epsilon, delta, per, contributions}")) {
    read_privacy(*privacy, aggregate, draft);
  }
  if (!collection) return;
  Reads reads{*collection, {}, from->at.line};
  if (by) read_by(*by, aggregate, reads, draft);
  if (measure) read_measures(*measure, aggregate, reads, draft);
  check_noise(node, aggregate, findings);
  aggregate.sums = sums_of(aggregate, draft.plan.collections[*collection]);
  flow.reads.push_back(std::move(reads));
}

}  // namespace holdfast::agreement
