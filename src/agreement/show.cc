#include "agreement/show.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <vector>

#include "agreement/agreement.h"
#include "agreement/spelling.h"
#include "base/bytes.h"

namespace holdfast::agreement {
namespace {

namespace json = boost::json;
using Row = std::vector<std::string>;

/// Columns as wide as their widest cell, two spaces between. Cells hold names, codes and numbers: ASCII.
std::string table(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const Row& row : rows) {
    std::string line = " ";
    for (std::size_t i = 0; i < row.size(); ++i) line += fmt::format(" {:<{}} ", row[i], widths[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string keep_text(std::chrono::seconds keep) {
  const auto hours = keep.count() / 3600;
  if (hours % (365 * 24) == 0) return fmt::format("{}y", hours / (365 * 24));
  return hours % 24 == 0 ? fmt::format("{}d", hours / 24) : fmt::format("{}h", hours);
}

std::string party_names(const Plan& plan, const std::vector<PartyIndex>& parties) {
  std::string out;
  for (const PartyIndex party : parties) out += (out.empty() ? "" : ", ") + plan.parties[party].name;
  return out;
}

std::string recipient(const Plan& plan, const Flow& flow) {
  if (flow.makes) return "nobody: '" + *flow.makes + "' stays with " + plan.parties[flow.to].name;
  return (flow.to_subject ? "subject via " : "") + plan.parties[flow.to].name;
}

/// What leaves, or a product is made of, a line each: field, form, category.
std::vector<std::array<std::string, 3>> outlets(const Plan& plan, FlowIndex index) {
  const Flow& flow = plan.flows[index];
  std::vector<std::array<std::string, 3>> out;
  for (const auto& given : flow.gives) {
    const Collection& from = plan.collections[given.collection];
    for (const auto& [field, form, line] : given.fields) {
      out.push_back({from.name + "." + from.fields[field].name, form.text(), from.fields[field].category});
    }
  }
  for (const Carried& carried : plan.carried(index)) {
    const Collection& from = plan.collections[carried.collection];
    const std::string form = flow.kind != Flow::Kind::run ? "aggregate"
                             : carried.reader == index    ? "read by module"
                                                          : "of all, in " + *flow.with;
    out.push_back({from.name + "." + from.fields[carried.field].name, form, from.fields[carried.field].category});
  }
  return out;
}

std::string_view kind_text(Flow::Kind kind) {
  return kind == Flow::Kind::gives ? "gives" : kind == Flow::Kind::run ? "run" : "aggregate";
}

std::string flows_text(const Plan& plan) {
  std::string out;
  for (std::size_t i = 0; i < plan.flows.size(); ++i) {
    const Flow& flow = plan.flows[i];
    out += fmt::format("\n  {}: to {} ({}), for {}\n", flow.name, recipient(plan, flow),
                       fmt::join(plan.parties[flow.to].countries, ", "), flow.use);
    if (flow.kind == Flow::Kind::run) {
      out += fmt::format("    runs '{}'{}\n", flow.module, flow.with ? " with '" + *flow.with + "'" : "");
    }
    if (flow.aggregate) out += fmt::format("    adds up {}\n", flow.aggregate->text());
    std::vector<Row> rows;
    for (const auto& [field, form, category] : outlets(plan, static_cast<FlowIndex>(i)))
      rows.push_back({"  " + field, form, category});
    out += table(rows);
    for (const LimitIndex limit : flow.limits) {
      out += fmt::format(
          "    at most {}{}\n", plan.limits[limit].text,
          plan.limits[limit].rolling ? fmt::format(" ({}, over all its flows)", plan.limits[limit].name) : "");
    }
    if (flow.size_max_bytes) out += fmt::format("    at most {} bytes a release\n", *flow.size_max_bytes);
  }
  return out;
}

json::array party_array(const Plan& plan, const std::vector<PartyIndex>& parties) {
  json::array out;
  for (const PartyIndex party : parties) out.emplace_back(plan.parties[party].name);
  return out;
}

json::object flow_json(const Plan& plan, FlowIndex index) {
  const Flow& flow = plan.flows[index];
  json::array leaves, limits;
  for (const auto& [field, form, category] : outlets(plan, index)) {
    leaves.push_back({{"field", field}, {"form", form}, {"category", category}});
  }
  for (const LimitIndex limit : flow.limits) {
    limits.push_back({{"name", plan.limits[limit].name},
                      {"text", plan.limits[limit].text},
                      {"rolling", plan.limits[limit].rolling}});
  }
  json::object out{{"name", flow.name},
                   {"kind", kind_text(flow.kind)},
                   {"to", plan.parties[flow.to].name},
                   {"to_subject", flow.to_subject},
                   {"countries", json::value_from(plan.parties[flow.to].countries)},
                   {"use", flow.use},
                   {"available", flow.kind == Flow::Kind::gives},
                   {"leaves", std::move(leaves)},
                   {"limits", std::move(limits)}};
  if (!flow.module.empty()) out["module"] = flow.module;
  if (flow.makes) out["makes"] = *flow.makes;
  if (flow.with) out["with"] = *flow.with;
  if (flow.size_max_bytes) out["release_bytes_max"] = *flow.size_max_bytes;
  return out;
}

json::object collection_json(const Plan& plan, const Collection& collection) {
  json::array fields;
  for (const Field& field : collection.fields) {
    fields.push_back({{"name", field.name}, {"type", to_string(field.type)}, {"category", field.category}});
  }
  json::object out{{"name", collection.name},
                   {"keep_seconds", collection.keep.count()},
                   {"from", party_array(plan, collection.depositors)},
                   {"fields", std::move(fields)}};
  if (collection.key) out["key"] = *collection.key;
  return out;
}

json::object quorum_json(const Plan& plan, const Quorum& quorum) {
  return {{"all", party_array(plan, quorum.all)}, {"any", quorum.any}};
}

/// Who must sign what, of all that the agreement declares.
json::object changes_json(const Plan& plan) {
  json::object out{{"agreement", json::object{{"signed_by", quorum_json(plan, plan.change_agreement)}}}};
  if (plan.change_module) {
    out["module"] = json::object{{"signed_by", quorum_json(plan, *plan.change_module)},
                                 {"seen_by", party_array(plan, plan.module_seen_by)}};
  }
  if (plan.change_emergency) {
    out["emergency"] = json::object{{"signed_by", quorum_json(plan, *plan.change_emergency)},
                                    {"at_most_s", plan.emergency_at_most.count()}};
  }
  if (plan.change_suspend) out["suspend"] = json::object{{"signed_by", quorum_json(plan, *plan.change_suspend)}};
  return out;
}

}  // namespace

std::string show_text(const Plan& plan) {
  std::string out = fmt::format("{} version {}, about subjects in {}\nsha256 {}\n", plan.agreement, plan.version,
                                plan.subjects_country, to_hex(plan.hash.view()));
  if (!plan.served_by.empty()) out += fmt::format("subjects are served by {}\n", party_names(plan, plan.served_by));
  for (const ChangeRule& rule : change_rules(plan)) out += fmt::format("{} needs {}\n", rule.what, rule.needs());
  out += "\nParties\n";
  std::vector<Row> parties{{"name", "role", "countries", "operated by", "key"}};
  for (const Party& party : plan.parties) {
    parties.push_back({party.name, std::string(to_string(party.role)),
                       fmt::format("{}", fmt::join(party.countries, ", ")),
                       party.operated_by ? plan.parties[*party.operated_by].name : "-",
                       party.key ? fmt::format("{:08x}", party.key->id()) : "-"});
  }
  out += table(parties) + "\nCollections\n";
  std::vector<Row> fields{{"field", "type", "category", "kept", "deposited by"}};
  for (const Collection& collection : plan.collections) {
    for (const Field& field : collection.fields) {
      fields.push_back({collection.name + "." + field.name, std::string(to_string(field.type)), field.category,
                        keep_text(collection.keep), party_names(plan, collection.depositors)});
    }
  }
  return out + table(fields) + "\nFlows (nothing else leaves)\n" + flows_text(plan);
}

std::string show_json(const Plan& plan) {
  json::array parties, collections, flows;
  for (const Party& party : plan.parties) {
    json::object out{
        {"name", party.name}, {"role", to_string(party.role)}, {"countries", json::value_from(party.countries)}};
    if (party.operated_by) out["operated_by"] = plan.parties[*party.operated_by].name;
    if (party.key) out["key"] = party.key->text();
    parties.push_back(std::move(out));
  }
  for (const Collection& collection : plan.collections) collections.push_back(collection_json(plan, collection));
  for (std::size_t i = 0; i < plan.flows.size(); ++i) flows.push_back(flow_json(plan, static_cast<FlowIndex>(i)));
  json::object out{{"agreement", plan.agreement},
                   {"version", plan.version},
                   {"sha256", to_hex(plan.hash.view())},
                   {"subjects", {{"country", plan.subjects_country}, {"served_by", party_array(plan, plan.served_by)}}},
                   {"parties", std::move(parties)},
                   {"collections", std::move(collections)},
                   {"flows", std::move(flows)},
                   {"changes", changes_json(plan)}};
  if (plan.log) out["log"] = plan.log->text();
  return json::serialize(out);
}

}  // namespace holdfast::agreement
