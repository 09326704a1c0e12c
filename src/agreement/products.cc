// What jobs make: a product stays in custody, and carries all that it was made of to whoever gets what a module makes
// with it.
#include <fmt/format.h>

#include <algorithm>

#include "agreement/terms.h"

namespace holdfast::agreement {
namespace {

/// A product of a product of … this many: more would be no agreement that anyone can follow.
constexpr std::size_t kChainMax = 8;
/// As many as the nodes of a document: what products carry multiplies with the flows that run with them.
constexpr std::size_t kOutletsMax = 200'000;

void resolve_maker(Flow& flow, const Node& with, Draft& draft) {
  flow.maker = draft.plan.find_maker(*flow.with);
  if (flow.maker) return;
  std::vector<std::string_view> known;
  for (const Flow& each : draft.plan.flows) {
    if (each.makes) known.push_back(*each.makes);
  }
  draft.findings.add_unknown("agreement.product.unknown", with.at, *flow.with,
                             "is not a product: no flow of this agreement makes it", known);
}

/// False after a finding: then what the product carries has no end.
bool check_chain(const Flow& flow, const Node& with, Draft& draft) {
  std::string way = fmt::format("flow '{}' runs with '{}'", flow.name, *flow.with);
  std::vector<FlowIndex> seen;
  for (auto next = flow.maker; next; next = draft.plan.flows[*next].maker) {
    const Flow& maker = draft.plan.flows[*next];
    if (std::ranges::find(seen, *next) != seen.end()) return false;  // a circle of others, told at theirs
    seen.push_back(*next);
    way += fmt::format(", which flow '{}' (line {}) makes", maker.name, maker.line);
    if (maker.name == flow.name) {
      draft.findings.add("agreement.product.circle", with.at,
                         fmt::format("a product would be made of itself: {}", way));
      return false;
    }
    if (maker.with) way += fmt::format(" with '{}'", *maker.with);
    if (seen.size() <= kChainMax) continue;
    draft.findings.add("agreement.term.many", with.at,
                       fmt::format("products are made of products, at most {} times; {}", kChainMax, way));
    return false;
  }
  return true;
}

/// What the flow's output may carry beside what it reads itself.
void note_carried(FlowIndex index, const Node& with, Draft& draft) {
  const Plan& plan = draft.plan;
  const Flow& flow = plan.flows[index];
  for (const Carried& carried : plan.carried(index)) {
    if (carried.reader == index) continue;
    const Collection& collection = plan.collections[carried.collection];
    const Flow& reader = plan.flows[carried.reader];
    draft.outlets.push_back(
        {index, carried.collection, carried.field, Level::clear,
         fmt::format(
             "runs '{}' with '{}', for which flow '{}' (line {}) reads {}.{} of all subjects, and so may put it "
             "out in the clear",
             flow.module, *flow.with, reader.name, reader.line, collection.name, collection.fields[carried.field].name),
         with.at, true});
  }
}

}  // namespace

void resolve_products(const Node& node, Draft& draft) {
  std::vector<std::pair<FlowIndex, const Node*>> with;
  for (const auto& member : node.members) {
    const auto index = draft.flows.find(member.key);
    if (!index || *index >= draft.plan.flows.size() || !draft.plan.flows[*index].with) continue;
    with.emplace_back(*index, &member.value.find("with")->value);
    resolve_maker(draft.plan.flows[*index], *with.back().second, draft);
  }
  bool ends = true;
  for (const auto& [index, at] : with) ends = check_chain(draft.plan.flows[index], *at, draft) && ends;
  for (const auto& [index, at] : with) {
    if (!ends || draft.plan.flows[index].makes) continue;
    note_carried(index, *at, draft);
    if (draft.outlets.size() <= kOutletsMax) continue;
    draft.findings.add("agreement.term.many", at->at,
                       fmt::format("the flows and what their products carry come to more than {} fields; at most so "
                                   "many may be let out",
                                   kOutletsMax));
    return;
  }
}

}  // namespace holdfast::agreement
