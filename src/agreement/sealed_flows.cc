#include <fmt/format.h>

#include <algorithm>

#include "agreement/spelling.h"
#include "agreement/terms.h"

namespace holdfast::agreement {
namespace {

std::optional<CollectionIndex> resolve_collection(std::string_view name, Position at, Draft& draft) {
  return resolve(name, at, draft.collections, "agreement.collection.unknown", "is not a collection of this agreement",
                 draft.findings);
}

std::optional<FieldIndex> resolve_field(std::string_view name, Position at, CollectionIndex collection, Draft& draft) {
  return resolve(name, at, draft.fields[collection], "agreement.field.unknown",
                 fmt::format("is not a field of '{}'", draft.plan.collections[collection].name), draft.findings);
}

void add_field(Reads& reads, FieldIndex field) {
  if (std::find(reads.fields.begin(), reads.fields.end(), field) == reads.fields.end()) reads.fields.push_back(field);
}

/// Bounds are of the field's own sort: 0s..600s for a duration, plain numbers otherwise. Both bounds are needed:
/// they fix how much one record can move the sum, and with it the noise.
bool is_range(std::string_view text, FieldType type) {
  const auto dots = text.find("..");
  if (dots == std::string_view::npos) return false;
  std::string_view low = text.substr(0, dots), high = text.substr(dots + 2);
  if (type == FieldType::duration) {
    if (!low.ends_with('s') || !high.ends_with('s')) return false;
    low.remove_suffix(1);
    high.remove_suffix(1);
  }
  const auto from = parse_decimal(low), to = parse_decimal(high);
  return from && to && *from < *to;
}

/// "count" or "sum of watched within 0s..600s".
void read_measure(const Node& node, Reads& reads, Draft& draft) {
  static constexpr std::string_view kExpected = "'count', or a sum such as 'sum of watched within 0s..600s'";
  const std::string* text = text_of(node, kExpected, draft.findings);
  if (!text) return;
  if (*text == "count") {  // says that records are there, so something of every field
    const auto& fields = draft.plan.collections[reads.collection].fields;
    for (std::size_t i = 0; i < fields.size(); ++i) add_field(reads, static_cast<FieldIndex>(i));
    return;
  }
  std::string_view rest = *text;
  const auto within = rest.find(" within ");
  if (!rest.starts_with("sum of ") || within == std::string_view::npos || within < 7) {
    return add_expected("agreement.measure.malformed", node, kExpected, draft.findings);
  }
  const auto field = resolve_field(rest.substr(7, within - 7), node.at, reads.collection, draft);
  if (!field) return;
  const FieldType type = draft.plan.collections[reads.collection].fields[*field].type;
  if (type != FieldType::integer && type != FieldType::decimal && type != FieldType::duration) {
    draft.findings.add("agreement.measure.type", node.at,
                       fmt::format("a sum is made of integers, decimals or durations, and '{}' is {}",
                                   rest.substr(7, within - 7), to_string(type)));
    return;
  }
  if (!is_range(rest.substr(within + 8), type)) {
    return add_expected("agreement.measure.malformed", node,
                        type == FieldType::duration ? "bounds in seconds such as 'within 0s..600s', the lower first"
                                                    : "bounds such as 'within 0..100', the lower first",
                        draft.findings);
  }
  add_field(reads, *field);
}

/// Answers the budget in words.
std::string read_privacy(const Node& node, Draft& draft) {
  Findings& findings = draft.findings;
  std::map<std::string_view, std::string> said;
  const Terms terms(node, "privacy", {"epsilon", "delta", "per", "contributions"}, findings);
  const auto decimal = [&](std::string_view term, std::string_view expected, double above, double max) {
    const Node* value = terms.required(term, expected);
    const std::string* text = value ? text_of(*value, expected, findings) : nullptr;
    if (!text) return;
    const auto number = parse_decimal(*text);
    if (!number || value->in_quotes || *number <= above || *number > max) {
      add_expected("agreement.number.malformed", *value, expected, findings);
    }
    if (text) said[term] = *text;
  };
  decimal("epsilon", "a number above 0, at most 20", 0, 20);
  decimal("delta", "a number above 0, at most 0.01, such as 1e-9", 0, 0.01);
  if (const Node* per = terms.required("per", "hour, day, week, month or year")) {
    const std::string* text = text_of(*per, "hour, day, week, month or year", findings);
    if (text && !parse_window(*text)) {
      add_expected("agreement.window.unknown", *per, "hour, day, week, month or year", findings);
    }
    if (text) said["per"] = *text;
  }
  if (const Node* contributions = terms.required("contributions", "how many records of one subject count at most")) {
    if (const auto most = number_of(*contributions, "a whole number above 0, at most 1000000", 1'000'000, findings)) {
      said["contributions"] = fmt::to_string(*most);
    }
  }
  return fmt::format("epsilon {} and delta {} per {}, of at most {} records of a subject", said["epsilon"],
                     said["delta"], said["per"], said["contributions"]);
}

void read_by(const Node& node, Reads& reads, Draft& draft) {
  if (node.kind == Node::Kind::list && node.items.empty()) return;  // one total
  each_text(node, "fields", false, draft.findings, [&](const Node& item) {
    if (const auto field = resolve_field(item.text, item.at, reads.collection, draft)) add_field(reads, *field);
  });
}

}  // namespace

void read_run(const Node& run, const Terms& terms, Flow& flow, Draft& draft) {
  Findings& findings = draft.findings;
  if (const std::string* module = text_of(run, "the name of a sealed module", findings)) {
    flow.module = *module;
    if (!is_name(*module)) add_expected("agreement.name.malformed", run, "the name of a sealed module", findings);
  }
  if (const Node* reads = terms.required("reads", "what the module reads: {collection: [fields]}")) {
    each_named(*reads, "collection", 200, findings, [&](const Node::Member& member) {
      const auto collection = resolve_collection(member.key, member.at, draft);
      if (!collection) return;
      Reads out{*collection, {}, member.at.line};
      each_text(member.value, "fields", false, findings, [&](const Node& item) {
        if (const auto field = resolve_field(item.text, item.at, *collection, draft)) add_field(out, *field);
      });
      flow.reads.push_back(std::move(out));
    });
  }
  if (const Node* with = terms.optional("with")) {
    if (const std::string* product = text_of(*with, "the name of a product", findings)) flow.with = *product;
  }
  if (const Node* output = terms.required("output", "how much one run may put out, such as 16KiB")) {
    const std::string* text = text_of(*output, "a size such as 16KiB", findings);
    const auto size = text ? parse_size(*text) : std::nullopt;
    if (text && !size) {
      add_expected("agreement.size.malformed", *output, "a size such as 512B, 16KiB or 2MiB, at most 64MiB", findings);
    }
    flow.size_max_bytes = size;
  }
}

void read_aggregate(const Node& node, Flow& flow, Draft& draft) {
  Findings& findings = draft.findings;
  const Terms terms(node, "an aggregate", {"from", "by", "measure", "privacy"}, findings);
  const Node* from = terms.required("from", "the collection that is aggregated");
  const Node* by = terms.required("by", "the fields to group by; [] for one total");
  const Node* measure = terms.required("measure", "what is measured, such as {views: count}");
  const std::string* name = from ? text_of(*from, "the name of a collection", findings) : nullptr;
  const auto collection = name ? resolve_collection(*name, from->at, draft) : std::nullopt;
  if (collection) {
    Reads reads{*collection, {}, from->at.line};
    if (by) read_by(*by, reads, draft);
    if (measure) {
      each_named(*measure, "measure", 50, findings,
                 [&](const Node::Member& member) { read_measure(member.value, reads, draft); });
    }
    flow.reads.push_back(std::move(reads));
  }
  if (const Node* privacy = terms.required("privacy", "{epsilon, delta, per, contributions}")) {
    flow.privacy = read_privacy(*privacy, draft);
  }
}

}  // namespace holdfast::agreement
