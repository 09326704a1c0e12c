#include "agreement/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "agreement/spelling.h"
#include "base/result.h"

namespace holdfast::agreement {

std::optional<PartyIndex> Plan::find_party(std::string_view name) const { return party_names.find(name); }
std::optional<CollectionIndex> Plan::find_collection(std::string_view name) const {
  return collection_names.find(name);
}
std::optional<FlowIndex> Plan::find_flow(std::string_view name) const { return flow_names.find(name); }

std::optional<FlowIndex> Plan::find_maker(std::string_view product) const {
  const auto found = std::find_if(flows.begin(), flows.end(), [&](const Flow& flow) { return flow.makes == product; });
  if (found == flows.end()) return std::nullopt;
  return static_cast<FlowIndex>(found - flows.begin());
}

std::vector<Carried> Plan::carried(FlowIndex flow) const {
  std::vector<Carried> out;
  std::set<std::pair<CollectionIndex, FieldIndex>> seen;
  // The reader of the document has seen to it that this ends.
  for (std::optional<FlowIndex> reader = flow; reader; reader = flows[*reader].maker) {
    for (const Reads& reads : flows[*reader].reads) {
      for (const FieldIndex field : reads.fields) {
        if (seen.emplace(reads.collection, field).second) out.push_back({*reader, reads.collection, field, reads.line});
      }
    }
  }
  return out;
}

std::string Aggregate::privacy() const {
  return fmt::format("epsilon {} and delta {} per {}, of at most {} records of a subject", epsilon, delta_text,
                     to_string(per), contributions);
}

std::string_view to_string(RuleStanding::Stands stands) {
  switch (stands) {
    case RuleStanding::Stands::always:
      return "always";
    case RuleStanding::Stands::limited:
      return "limited";
    case RuleStanding::Stands::broken:
      break;
  }
  return "broken";
}

PartyIndex Plan::trustee() const {
  const auto found =
      std::find_if(parties.begin(), parties.end(), [](const Party& p) { return p.role == Role::trustee; });
  HF_ASSERT(found != parties.end());
  return static_cast<PartyIndex>(found - parties.begin());
}

}  // namespace holdfast::agreement
