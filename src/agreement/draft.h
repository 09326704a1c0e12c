#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agreement/agreement.h"
#include "agreement/findings.h"
#include "agreement/form.h"
#include "agreement/plan.h"
#include "agreement/rule_pack.h"
#include "agreement/taxonomy.h"
#include "agreement/yaml.h"

namespace holdfast::agreement {

class Terms;

/// The names of one sort of thing, in the document's order, which is the order of their indices.
class Names {
 public:
  void add(std::string name);
  std::optional<std::uint16_t> find(std::string_view name) const;
  std::vector<std::string_view> all() const;
  /// False until the section was there to be read: then a name is not unknown, the section is missing.
  bool readable = false;

 private:
  std::map<std::string, std::uint16_t, std::less<>> index_;
};

/// Something that a flow lets out: one field (or what is computed from it) in one form.
struct Outlet {
  FlowIndex flow = 0;
  CollectionIndex collection = 0;
  FieldIndex field = 0;
  Level level = Level::nothing;
  std::string how;  ///< "gives profile.email as token"
  Position at;
  /// It comes by a product, which is made of all subjects: no limit on a number of subjects can count it.
  bool of_all = false;
};

/// A pack that the agreement adopts, read.
struct AdoptedRules {
  RulePack pack;
  std::vector<PartyIndex> named;  ///< whom the agreement names as covered
  Position at;
};

/// An agreement being read. The parts fill it in order; a name that did not resolve leaves a finding and a gap,
/// never a guess.
struct Draft {
  Findings findings;
  Plan plan;
  Names parties, collections, flows;
  std::vector<Names> fields;  ///< of each collection
  Taxonomy categories{fideslang_categories()}, uses{fideslang_uses()};
  std::vector<Outlet> outlets;
  PackReader read_pack;
  std::vector<AdoptedRules> adopted;
  std::vector<Position> served_by_at;  ///< as plan.served_by
};

// The parts of the language, a file each. `root` or `node` is what stands under the part's key.
void read_taxonomies(const Node& root, Draft& draft);
void read_parties(const Node& node, Draft& draft);
/// What parties have to do with each other, once all are known: `owners` and `shares-with`.
void read_relations(const Node& parties, Draft& draft);
/// Fills every party's `countries`.
void find_countries(Plan& plan);
void read_subjects(const Node& node, Draft& draft);
void read_collections(const Node& node, Draft& draft);
void read_flows(const Node& node, Draft& draft);
void read_run(const Node& run, const Terms& flow_terms, Flow& flow, Draft& draft);
void read_aggregate(const Node& node, Flow& flow, Draft& draft);
/// Finds the maker of every product that a flow runs with, and what the product lets out there.
void resolve_products(const Node& flows, Draft& draft);
void read_under(const Node& node, Draft& draft);
void read_prohibitions(const Node& node, Draft& draft);
void read_changes(const Node& node, Draft& draft);

/// Holds every prohibition against everything that the flows let out: what can be broken becomes a finding, bulk
/// prohibitions become Limits of the flows concerned.
void apply_prohibitions(Draft& draft);
/// The same with the rules of the packs adopted.
void apply_rules(Draft& draft);

}  // namespace holdfast::agreement
