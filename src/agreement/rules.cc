// The rules of adopted packs, held against everything that the flows let out.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "agreement/control.h"
#include "agreement/draft.h"
#include "agreement/spread.h"

namespace holdfast::agreement {
namespace {

using Rule = RulePack::Rule;
using Flags = std::vector<bool>;

constexpr std::size_t kLimitsMax = 4000;

/// Sets that grow together.
class Groups {
 public:
  explicit Groups(std::size_t size) : above_(size) { std::iota(above_.begin(), above_.end(), std::size_t{0}); }
  std::size_t of(std::size_t i) {
    while (above_[i] != i) i = above_[i] = above_[above_[i]];
    return i;
  }
  void join(std::size_t a, std::size_t b) { above_[of(a)] = of(b); }

 private:
  std::vector<std::size_t> above_;
};

/// A field of a broader category than the rule's may hold what the rule is about, so it counts as holding it.
bool concerns(const std::vector<std::string>& categories, const std::string& category) {
  return std::ranges::any_of(categories,
                             [&](const std::string& each) { return covers(each, category) || covers(category, each); });
}

bool within(const std::vector<std::string>& categories, const std::string& category) {
  return std::ranges::any_of(categories, [&](const std::string& each) { return covers(each, category); });
}

/// Recipients whom a rule takes together.
struct Scope {
  std::string name, text;
  std::vector<PartyIndex> parties;
};

/// One pack against one agreement.
class Holder {
 public:
  Holder(const AdoptedRules& adopted, const Spread& spread, Draft& draft)
      : pack_(adopted.pack), at_(adopted.at), spread_(spread), draft_(draft), plan_(draft.plan) {
    find_covered(adopted.named);
    find_links();
  }

  void hold() {
    for (const Rule& rule : pack_.rules) {
      const std::size_t before = draft_.findings.count();
      RuleStanding standing{
          pack_.reference(), rule.id, rule.cite, rule.says, rule.from_memory, RuleStanding::Stands::always, {}};
      hold_against_exports(rule);
      if (rule.kind == Rule::Kind::never || rule.kind == Rule::Kind::only) {
        hold_against_flows(rule);
      } else {
        limit_flows(rule, standing);
      }
      if (!standing.limits.empty()) standing.stands = RuleStanding::Stands::limited;
      if (draft_.findings.count() != before) standing.stands = RuleStanding::Stands::broken;
      plan_.rules.push_back(std::move(standing));
    }
  }

 private:
  const Field& field_of(const Outlet& outlet) const {
    return plan_.collections[outlet.collection].fields[outlet.field];
  }
  PartyIndex to_of(const Outlet& outlet) const { return plan_.flows[outlet.flow].to; }

  void find_covered(const std::vector<PartyIndex>& named) {
    covered_.assign(plan_.parties.size(), false);
    for (const PartyIndex party : named) {
      concern_.party = party;
      cover(find_control(plan_.parties, concern_));
    }
    if (named.empty()) find_covered_by_country();
    for (std::size_t i = 0; i < covered_.size(); ++i) {
      if (!covered_[i]) continue;
      const auto party = static_cast<PartyIndex>(i);
      add_scope({"to " + plan_.parties[i].name, "'" + plan_.parties[i].name + "'", {party}});
    }
  }

  void find_covered_by_country() {
    std::vector<RulePack::Country> countries = pack_.countries;
    if (pack_.outside) countries = other_countries();
    for (const RulePack::Country& country : countries) {
      const auto controls = find_control(plan_.parties, {country.codes, {}, pack_.control_at});
      Scope scope{country.name, country.name, {}};
      for (std::size_t i = 0; i < controls.size(); ++i) {
        if (controls[i].counts()) scope.parties.push_back(static_cast<PartyIndex>(i));
      }
      add_scope(std::move(scope));
      concern_.countries.insert(concern_.countries.end(), country.codes.begin(), country.codes.end());
    }
    std::ranges::sort(concern_.countries);
    concern_.control_at = pack_.control_at;
    controls_ = find_control(plan_.parties, concern_);
    cover(controls_);
  }

  /// Every country that the parties have to do with, but for those of the pack.
  std::vector<RulePack::Country> other_countries() const {
    std::set<std::string> codes;
    for (const Party& party : plan_.parties) {
      codes.insert(party.country);
      codes.insert(party.controlled_by.begin(), party.controlled_by.end());
      codes.insert(party.viewed_from.begin(), party.viewed_from.end());
      for (const Owner& owner : party.owners) codes.insert(owner.country);
    }
    codes.erase("");
    for (const RulePack::Country& country : pack_.countries) {
      for (const std::string& code : country.codes) codes.erase(code);
    }
    std::vector<RulePack::Country> out;
    for (const std::string& code : codes) out.push_back({code, {code}});
    return out;
  }

  void cover(const std::vector<Control>& controls) {
    for (std::size_t i = 0; i < controls.size(); ++i) {
      if (controls[i].counts()) covered_[i] = true;
    }
  }

  void add_scope(Scope scope) {
    const auto same = [&](const Scope& other) { return other.parties == scope.parties; };
    if (!scope.parties.empty() && std::ranges::none_of(scopes_, same)) scopes_.push_back(std::move(scope));
  }

  /// The nearest covered party that what `to` gets comes to.
  std::optional<PartyIndex> nearest(PartyIndex to) const {
    for (const PartyIndex party : spread_.from(to)) {
      if (covered_[party]) return party;
    }
    return std::nullopt;
  }

  /// Which flows can be joined to which: those to the same party and to related ones. Whoever asks by a flow names the
  /// subject, in the clear, so what related parties get has that column in common whatever else is given.
  void find_links() {
    reaches_.assign(plan_.flows.size(), false);
    for (const Outlet& outlet : draft_.outlets) {
      if (outlet.level >= Level::token && nearest(to_of(outlet))) reaches_[outlet.flow] = true;
    }
    Groups related(plan_.parties.size());
    for (std::size_t i = 0; i < plan_.parties.size(); ++i) {
      for (const PartyIndex other : spread_.from(static_cast<PartyIndex>(i))) related.join(i, other);
    }
    for (const Flow& flow : plan_.flows) links_.push_back(related.of(flow.to));
  }

  bool counts(const Rule& rule, const Outlet& outlet) const {
    if (outlet.level < Level::token || !concerns(rule.categories, field_of(outlet).category)) return false;
    const auto form = form_of(outlet);
    return !form || std::ranges::find(rule.forms, *form) == rule.forms.end();
  }

  /// Of a flow that gives; a sealed module's output has none.
  std::optional<Form> form_of(const Outlet& outlet) const {
    for (const GivenCollection& given : plan_.flows[outlet.flow].gives) {
      if (given.collection != outlet.collection) continue;
      for (const Given& each : given.fields) {
        if (each.field == outlet.field) return each.form;
      }
    }
    return std::nullopt;
  }

  /// The flows that carry what the rule is about to someone covered.
  Flags carriers(const Rule& rule) const {
    Flags out(plan_.flows.size(), false);
    for (const Outlet& outlet : draft_.outlets) {
      if (reaches_[outlet.flow] && counts(rule, outlet)) out[outlet.flow] = true;
    }
    return rule.kind == Rule::Kind::identifiers ? in_combination(rule, std::move(out)) : out;
  }

  /// Identifiers count only with another identifier, or with what a bulk rule is about; those in `alone` not if they
  /// are linked to one another only.
  Flags in_combination(const Rule& rule, Flags carriers) const {
    // By field: of two numbers of one category, as of a passport and of a licence, each identifies.
    std::map<std::size_t, std::map<std::pair<CollectionIndex, FieldIndex>, std::string_view>> found;
    std::set<std::size_t> sensitive;
    for (const Outlet& outlet : draft_.outlets) {
      if (!reaches_[outlet.flow]) continue;
      if (counts(rule, outlet)) {
        found[links_[outlet.flow]][{outlet.collection, outlet.field}] = field_of(outlet).category;
      }
      for (const Rule& bulk : pack_.rules) {
        if (bulk.kind == Rule::Kind::bulk && counts(bulk, outlet)) sensitive.insert(links_[outlet.flow]);
      }
    }
    for (std::size_t flow = 0; flow < carriers.size(); ++flow) {
      if (!carriers[flow] || sensitive.contains(links_[flow])) continue;
      const auto& together = found[links_[flow]];
      const bool others = std::ranges::any_of(
          together, [&](const auto& each) { return !within(rule.alone, std::string(each.second)); });
      carriers[flow] = together.size() > 1 && others;
    }
    return carriers;
  }

  bool reaches(std::size_t flow, const Scope& scope) const {
    return std::ranges::any_of(spread_.from(plan_.flows[flow].to),
                               [&](PartyIndex party) { return std::ranges::binary_search(scope.parties, party); });
  }

  /// Data combined, or an identifier linked to other data, counts whole under the lowest threshold among what is
  /// there: so a rule counts the flows that carry what it is about, and all that is linked to them and under a
  /// threshold itself.
  void limit_flows(const Rule& rule, RuleStanding& standing) {
    const Flags carrying = carriers(rule);
    if (std::ranges::find(carrying, true) == carrying.end()) return;
    if (rule.limit->counts == Limit::Counts::devices) count_devices(rule, carrying);
    add_uncounted(rule, carrying);
    Flags counted_by_any(carrying.size(), false);
    for (const Rule& other : pack_.rules) {
      if (!other.limit) continue;
      const Flags each = carriers(other);
      for (std::size_t flow = 0; flow < each.size(); ++flow) counted_by_any[flow] = counted_by_any[flow] || each[flow];
    }
    for (const Scope& scope : scopes_) {
      std::set<std::size_t> links;
      for (std::size_t flow = 0; flow < carrying.size(); ++flow) {
        if (carrying[flow] && reaches(flow, scope)) links.insert(links_[flow]);
      }
      if (!links.empty()) add_limit(rule, scope, links, counted_by_any, standing);
    }
  }

  void add_limit(const Rule& rule, const Scope& scope, const std::set<std::size_t>& links, const Flags& counted,
                 RuleStanding& standing) {
    if (plan_.limits.size() >= kLimitsMax) {
      draft_.findings.add("agreement.term.many", at_,
                          fmt::format("the rules come to more than {} limits for these parties", kLimitsMax));
      return;
    }
    Limit limit = *rule.limit;
    limit.name = fmt::format("{}/{}/{}", pack_.name, rule.id, scope.name);
    limit.of_rule = Limit::OfRule{pack_.name + "/" + rule.id, name_of(rule), scope.text, {}};
    for (const PartyIndex party : scope.parties) limit.of_rule->recipients.push_back(plan_.parties[party].name);
    std::ranges::sort(limit.of_rule->recipients);
    const auto index = static_cast<LimitIndex>(plan_.limits.size());
    for (std::size_t flow = 0; flow < counted.size(); ++flow) {
      if (counted[flow] && links.contains(links_[flow])) plan_.flows[flow].limits.push_back(index);
    }
    plan_.limits.push_back(std::move(limit));
    standing.limits.push_back(index);
  }

  std::string name_of(const Rule& rule) const {
    return fmt::format("rule '{}' of {} ({})", rule.id, pack_.reference(), rule.cite);
  }

  void hold_against_flows(const Rule& rule) {
    for (const Outlet& outlet : draft_.outlets) {
      if (outlet.level <= rule.allowed || !concerns(rule.categories, field_of(outlet).category)) continue;
      if (rule.kind == Rule::Kind::only) {
        const auto form = form_of(outlet);
        if (outlet.level <= Level::aggregate) continue;
        if (form && std::ranges::find(rule.forms, *form) != rule.forms.end()) continue;
      }
      if (const auto reached = nearest(to_of(outlet))) add_broken(rule, outlet, *reached);
    }
  }

  void add_broken(const Rule& rule, const Outlet& outlet, PartyIndex reached) {
    const Flow& flow = plan_.flows[outlet.flow];
    draft_.findings.add(
        "agreement.rules.broken", outlet.at,
        fmt::format("{} can reach {}: flow '{}' (line {}) {} ({}), to '{}'{}; {} says: {}", field_of(outlet).category,
                    place_of(reached), flow.name, flow.line, outlet.how, to_string(outlet.level),
                    plan_.parties[flow.to].name, way(flow.to, reached), name_of(rule), rule.says));
  }

  /// What brings it there, and why that party is covered.
  std::string way(PartyIndex to, PartyIndex reached) const {
    std::string out;
    for (const Step& step : spread_.path(to, reached)) out += "; " + describe(plan_.parties, step);
    if (!controls_.empty()) out += "; " + explain_control(plan_.parties, concern_, controls_, reached);
    return out;
  }

  std::string place_of(PartyIndex party) const {
    return fmt::format("'{}' (line {}: {})", plan_.parties[party].name, plan_.parties[party].line,
                       fmt::join(plan_.parties[party].countries, ", "));
  }

  /// Has the flows that carry what `rule` is about say by what the records in which it lies tell devices apart.
  void count_devices(const Rule& rule, const Flags& carrying) {
    for (const Outlet& outlet : draft_.outlets) {
      if (!carrying[outlet.flow] || !counts(rule, outlet)) continue;
      Flow& flow = plan_.flows[outlet.flow];
      if (flow.kind == Flow::Kind::gives) {
        tell_apart(flow, outlet.collection, rule.told_apart_by);
        continue;
      }
      draft_.findings.add(
          "agreement.rules.devices", outlet.at,
          fmt::format("flow '{}' (line {}) {}, and {} counts devices, which are counted in what a flow gives, not in "
                      "what a module makes; so none of it may go to those covered by such a flow",
                      flow.name, flow.line, outlet.how, name_of(rule)));
    }
  }

  /// A field within one of `categories` tells devices apart. Several, and several rules, make the finer division, of
  /// which the finest is by records: so no rule counts less than it says.
  void tell_apart(Flow& flow, CollectionIndex collection, const std::vector<std::string>& categories) {
    std::vector<FieldIndex> fields;
    const auto& declared = plan_.collections[collection].fields;
    for (std::size_t i = 0; i < declared.size(); ++i) {
      if (within(categories, declared[i].category)) fields.push_back(static_cast<FieldIndex>(i));
    }
    const auto before = std::ranges::find(flow.devices, collection, &CountedDevices::collection);
    if (before == flow.devices.end()) {
      flow.devices.push_back({collection, std::move(fields)});
    } else if (fields.empty() || before->fields.empty()) {
      before->fields.clear();
    } else {
      std::vector<FieldIndex> both;
      std::ranges::set_union(before->fields, fields, std::back_inserter(both));
      before->fields = std::move(both);
    }
  }

  /// A product is made of all subjects, and there is no counting those of whom its readers tell.
  void add_uncounted(const Rule& rule, const Flags& carrying) {
    for (const Outlet& outlet : draft_.outlets) {
      if (!outlet.of_all || !carrying[outlet.flow] || !counts(rule, outlet)) continue;
      draft_.findings.add(
          "agreement.rules.broken", outlet.at,
          fmt::format("{} of any number of subjects can reach {}: flow '{}' (line {}) {}, and what comes by a product "
                      "cannot be counted; {} says: {}",
                      field_of(outlet).category, place_of(*nearest(to_of(outlet))), plan_.flows[outlet.flow].name,
                      plan_.flows[outlet.flow].line, outlet.how, name_of(rule), rule.says));
    }
  }

  /// Whoever passes on subjects' requests sees their exports: every field, in the clear, without a limit.
  void hold_against_exports(const Rule& rule) {
    if (rule.kind == Rule::Kind::never && rule.allowed >= Level::clear) return;
    const Field* held = nullptr;
    for (const Collection& collection : plan_.collections) {
      for (const Field& field : collection.fields) {
        if (!held && concerns(rule.categories, field.category)) held = &field;
      }
    }
    for (std::size_t i = 0; held && i < plan_.served_by.size(); ++i) {
      const auto reached = nearest(plan_.served_by[i]);
      if (!reached) continue;
      draft_.findings.add(
          "agreement.rules.broken", draft_.served_by_at[i],
          fmt::format("{} can reach {}: subjects are served by '{}', which passes on their exports, every field in the "
                      "clear and without a limit{}; {} says: {}",
                      held->category, place_of(*reached), plan_.parties[plan_.served_by[i]].name,
                      way(plan_.served_by[i], *reached), name_of(rule), rule.says));
    }
  }

  const RulePack& pack_;
  Position at_;
  const Spread& spread_;
  Draft& draft_;
  Plan& plan_;
  Concern concern_;
  std::vector<Control> controls_;   ///< for concern_; of a pack that goes by countries
  Flags covered_;                   ///< by party
  Flags reaches_;                   ///< by flow: anything that names a subject reaches someone covered
  std::vector<std::size_t> links_;  ///< by flow: the same where what they carry can be joined
  std::vector<Scope> scopes_;
};

}  // namespace

void apply_rules(Draft& draft) {
  if (draft.adopted.empty()) return;
  const Spread spread(draft.plan.parties);
  for (const AdoptedRules& adopted : draft.adopted) Holder(adopted, spread, draft).hold();
}

}  // namespace holdfast::agreement
