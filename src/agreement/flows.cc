#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "agreement/spelling.h"
#include "agreement/terms.h"

namespace holdfast::agreement {
namespace {

constexpr std::size_t kFlowsMax = 5000;
constexpr std::string_view kViaSubject = "subject via ";

/// Nothing if the recipient is not known; then nothing can be said about what reaches it either.
std::optional<PartyIndex> read_recipient(const Node& node, Flow& flow, Draft& draft) {
  const std::string* text = text_of(node, "a party, or 'subject via' a party", draft.findings);
  if (!text) return std::nullopt;
  std::string_view name = *text;
  if (name == "subject") {
    draft.findings.add("agreement.flow.recipient", node.at,
                       "a subject is reached through a party: expected 'subject via' and the party that passes it on");
    return std::nullopt;
  }
  flow.to_subject = name.starts_with(kViaSubject);
  if (flow.to_subject) name.remove_prefix(kViaSubject.size());
  const auto party = resolve(name, node.at, draft.parties, "agreement.party.unknown",
                             "is not a party of this agreement", draft.findings);
  if (party) flow.to = *party;
  return party;
}

void read_limit(const Node& node, Flow& flow, std::set<std::string>& seen, Draft& draft) {
  std::string kind = "release";
  if (const auto size = parse_release_size(node.text)) {
    if (!flow.size_max_bytes) flow.size_max_bytes = *size;
  } else if (auto limit = parse_limit(node.text)) {
    kind = fmt::format("{} per {}", limit->counts == Limit::Counts::subjects ? "subjects" : "records",
                       to_string(limit->window));
    if (!seen.contains(kind)) {
      limit->name = flow.limits.empty() ? fmt::format("flow:{}", flow.name)
                                        : fmt::format("flow:{}:{}", flow.name, flow.limits.size() + 1);
      flow.limits.push_back(static_cast<LimitIndex>(draft.plan.limits.size()));
      draft.plan.limits.push_back(*std::move(limit));
    }
  } else {
    add_expected("agreement.limit.malformed", node,
                 "a limit such as '200 subjects per day', '1000 records per hour' or '64KiB per release'",
                 draft.findings);
    return;
  }
  if (!seen.insert(kind).second) {
    draft.findings.add("agreement.limit.repeated", node.at,
                       fmt::format("this flow has a limit of {} already; keep the lower one",
                                   kind == "release" ? "bytes per release" : kind));
  }
}

void read_given(const Node::Member& member, CollectionIndex collection, GivenCollection& out, Draft& draft) {
  const Collection& declared = draft.plan.collections[collection];
  const auto field = resolve_field(member.key, member.at, collection, draft);
  const std::string* text = text_of(member.value, "a form such as clear, token or year", draft.findings);
  if (!text) return;
  const auto form = parse_form(*text);
  if (!form) {
    static constexpr std::string_view kForms[] = {"clear",       "token",          "redacted",
                                                  "year",        "month",          "first 3",
                                                  "range of 10", "age band of 10", "place to 1 decimal"};
    draft.findings.add_unknown("agreement.form.unknown", member.value.at, *text,
                               "is not a form; expected clear, token, redacted, year, month, first N, range of N, "
                               "age band of N or place to N decimals",
                               kForms);
    return;
  }
  if (!field) return;
  const FieldType type = declared.fields[*field].type;
  if (!fits(*form, type)) {
    draft.findings.add("agreement.form.type", member.value.at,
                       fmt::format("'{}' is {}, which cannot leave as '{}'; expected {}", member.key, to_string(type),
                                   *text, forms_of(type)));
    return;
  }
  out.fields.push_back({*field, *form, member.value.at.line});
}

/// {"profile":{"email":"token"}} with sorted keys, as RFC 8785 wants it; names and forms need no escapes. What a module
/// reads is given in the form "read", for what it makes of it, nobody can tell; what sums are made of, as "aggregate".
std::string canonical_gives(const Flow& flow, const Plan& plan) {
  std::map<std::string_view, std::map<std::string_view, std::string>> sorted;
  for (const auto& given : flow.gives) {
    const Collection& collection = plan.collections[given.collection];
    for (const auto& [field, form, line] : given.fields)
      sorted[collection.name][collection.fields[field].name] = form.text();
  }
  for (const auto& reads : flow.reads) {
    const Collection& collection = plan.collections[reads.collection];
    for (const FieldIndex field : reads.fields)
      sorted[collection.name][collection.fields[field].name] = flow.aggregate ? "aggregate" : "read";
  }
  std::string out;
  for (const auto& [collection, fields] : sorted) {
    out += fmt::format("{}\"{}\":{{", out.empty() ? "{" : "},", collection);
    bool first = true;
    for (const auto& [field, form] : fields) {
      out += fmt::format("{}\"{}\":\"{}\"", first ? "" : ",", field, form);
      first = false;
    }
  }
  return out.empty() ? "{}" : out + "}}";
}

void read_gives(const Node& node, Flow& flow, Draft& draft) {
  each_named(node, "collection", 200, draft.findings, [&](const Node::Member& member) {
    const auto collection = resolve_collection(member.key, member.at, draft);
    if (!collection) return;
    GivenCollection given{*collection, {}};
    each_named(member.value, "field", 200, draft.findings,
               [&](const Node::Member& field) { read_given(field, *collection, given, draft); });
    flow.gives.push_back(std::move(given));
  });
  flow.gives_json = canonical_gives(flow, draft.plan);
}

void note_given_outlets(const Node& node, const Flow& flow, FlowIndex index, Draft& draft) {
  for (const auto& given : flow.gives) {
    const Collection& collection = draft.plan.collections[given.collection];
    const Node& fields = node.find(collection.name)->value;
    for (const auto& [field, form, line] : given.fields) {
      const std::string& name = collection.fields[field].name;
      draft.outlets.push_back({index, given.collection, field, level_of(form),
                               fmt::format("gives {}.{} as '{}'", collection.name, name, form.text()),
                               fields.find(name)->value.at});
    }
  }
}

void note_read_outlets(const Node& at, const Flow& flow, FlowIndex index, Draft& draft) {
  const bool sealed = flow.kind == Flow::Kind::run;
  for (const auto& reads : flow.reads) {
    const Collection& collection = draft.plan.collections[reads.collection];
    for (const FieldIndex field : reads.fields) {
      const std::string& name = collection.fields[field].name;
      draft.outlets.push_back({index, reads.collection, field, sealed ? Level::clear : Level::aggregate,
                               sealed ? fmt::format("runs '{}', which reads {}.{} and so may put it out in the clear",
                                                    flow.module, collection.name, name)
                                      : fmt::format("releases aggregates of {}.{}", collection.name, name),
                               at.at});
    }
  }
}

/// Which of gives, run and aggregate the flow is; exactly one.
const Node* read_kind(const Node::Member& member, const Terms& terms, Flow& flow, Draft& draft) {
  const Node* gives = terms.optional("gives");
  const Node* run = terms.optional("run");
  const Node* aggregate = terms.optional("aggregate");
  if ((gives != nullptr) + (run != nullptr) + (aggregate != nullptr) != 1) {
    draft.findings.add("agreement.flow.kind", member.at,
                       fmt::format("flow '{}' needs exactly one of gives, run and aggregate", member.key));
    return nullptr;
  }
  if (const auto* limit = aggregate ? member.value.find("limit") : nullptr) {
    draft.findings.add("agreement.flow.kind", limit->at,
                       "what a flow that aggregates may give is bounded by its privacy budget; it takes no 'limit'");
  }
  for (const std::string_view term : {"reads", "output", "makes", "with"}) {
    const auto* misplaced = member.value.find(term);
    if (run || !misplaced) continue;
    draft.findings.add("agreement.flow.kind", misplaced->at,
                       fmt::format("'{}' belongs to a flow that runs a sealed module", term));
  }
  if (gives) read_gives(*gives, flow, draft);
  if (run) {
    flow.kind = Flow::Kind::run;
    read_run(*run, terms, flow, draft);
    flow.gives_json = canonical_gives(flow, draft.plan);
  }
  if (aggregate) {
    flow.kind = Flow::Kind::aggregate;
    read_aggregate(*aggregate, flow, draft);
    flow.gives_json = canonical_gives(flow, draft.plan);
  }
  return gives ? gives : run ? run : aggregate;
}

/// The flow of a job: its product stays with the trustee.
std::optional<PartyIndex> read_makes(const Node& node, const Terms& terms, Flow& flow, Draft& draft) {
  const std::string* product = text_of(node, "the name of a product", draft.findings);
  if (product && !is_name(*product)) {
    add_expected("agreement.name.malformed", node, "the name of a product", draft.findings);
  } else if (product && draft.plan.find_maker(*product)) {
    const Flow& other = draft.plan.flows[*draft.plan.find_maker(*product)];
    draft.findings.add("agreement.product.repeated", node.at,
                       fmt::format("'{}' is made by flow '{}' (line {}) already; a product has one maker", *product,
                                   other.name, other.line));
  } else if (product) {
    flow.makes = *product;
  }
  for (const std::string_view term : {"to", "limit"}) {
    const Node* misplaced = terms.optional(term);
    if (!misplaced) continue;
    draft.findings.add("agreement.product.stays", misplaced->at,
                       fmt::format("flow '{}' makes a product, which stays in custody, so there is no '{}'; another "
                                   "flow may run its module 'with' the product",
                                   flow.name, term));
  }
  const auto& parties = draft.plan.parties;
  const auto trustee = std::ranges::find(parties, Role::trustee, &Party::role);
  if (trustee == parties.end()) return std::nullopt;  // which is reported
  flow.to = static_cast<PartyIndex>(trustee - parties.begin());
  return flow.to;
}

void read_flow(const Node::Member& member, Draft& draft) {
  Findings& findings = draft.findings;
  Flow flow;
  flow.name = member.key;
  flow.line = member.at.line;
  const Terms terms(member.value, "a flow",
                    {"to", "use", "gives", "run", "reads", "with", "makes", "output", "aggregate", "limit"}, findings);
  const auto index = static_cast<FlowIndex>(draft.plan.flows.size());
  std::optional<PartyIndex> to;
  const Node* makes = terms.optional("run") ? terms.optional("makes") : nullptr;
  if (makes) {
    to = read_makes(*makes, terms, flow, draft);
  } else if (const Node* node = terms.required("to", "who receives: a party, or 'subject via' a party")) {
    to = read_recipient(*node, flow, draft);
  }
  if (const Node* node = terms.required("use", "what for, such as essential.service")) {
    const std::string* use = text_of(*node, "a use such as essential.service", findings);
    if (use && !draft.uses.has(*use)) {
      findings.add_unknown("agreement.use.unknown", node->at, *use,
                           "is not a use of Fideslang, nor of this agreement's own", draft.uses.keys());
    }
    if (use) flow.use = *use;
  }
  if (terms.is_map()) {
    const Node* kind = read_kind(member, terms, flow, draft);
    if (kind && to && flow.kind == Flow::Kind::gives) note_given_outlets(*kind, flow, index, draft);
    if (kind && to && !makes && flow.kind != Flow::Kind::gives) note_read_outlets(*kind, flow, index, draft);
  }
  if (const Node* node = makes ? nullptr : terms.optional("limit")) {
    std::set<std::string> seen;
    if (flow.size_max_bytes) seen.insert("release");
    each_text(*node, "limits such as '200 subjects per day'", true, findings,
              [&](const Node& item) { read_limit(item, flow, seen, draft); });
  }
  draft.plan.flows.push_back(std::move(flow));
}

}  // namespace

void read_flows(const Node& node, Draft& draft) {
  draft.flows.readable = node.kind == Node::Kind::map;
  each_named(node, "flow", kFlowsMax, draft.findings, [&](const Node::Member& member) {
    draft.flows.add(member.key);
    read_flow(member, draft);
  });
  resolve_products(node, draft);
}

}  // namespace holdfast::agreement
