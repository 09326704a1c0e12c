#include "analysis/lint.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "agreement/form.h"
#include "agreement/spelling.h"
#include "agreement/taxonomy.h"
#include "analysis/budgets.h"
#include "analysis/joint.h"

namespace holdfast::analysis {
namespace {

using namespace agreement;

class Lint {
 public:
  explicit Lint(const Reach& reach) : reach_(reach), plan_(*reach.plan) {}

  std::vector<Finding> run() {
    look_at_flows();
    look_at_limits();
    look_at_devices();
    look_at_prohibitions();
    look_at_fields();
    look_at_products();
    look_at_parties();
    for (const Joint& joint : find_joint(reach_))
      add("analysis.joint", reach_.sources[joint.members.front()].line, describe_joint(reach_, joint));
    for (const Budgets& budgets : find_budgets(reach_)) {
      if (budgets.flows.size() > 1)
        add("analysis.budgets", plan_.flows[budgets.flows.back()].line, describe_budgets(reach_, budgets));
    }
    std::ranges::stable_sort(out_, {}, &Finding::line);
    if (out_.size() > kFindingsMax) {
      const std::size_t rest = out_.size() - kFindingsMax;
      out_.resize(kFindingsMax);
      add("agreement.findings.many", out_.back().line, fmt::format("and {} more", rest));
    }
    return std::move(out_);
  }

 private:
  void add(std::string_view slug, std::uint32_t line, std::string message) {
    out_.push_back({slug, line, 1, std::move(message)});
  }

  /// Does `wide` give the same party for the same use all that `flow` gives, with no limit that `flow` has not?
  bool gives_all(const Flow& wide, const Flow& flow) const {
    if (wide.kind != Flow::Kind::gives || wide.to != flow.to || wide.use != flow.use) return false;
    if (wide.to_subject != flow.to_subject || wide.size_max_bytes || !wide.limits.empty()) return false;
    return std::ranges::all_of(flow.gives, [&](const GivenCollection& given) {
      const auto same = std::ranges::find(wide.gives, given.collection, &GivenCollection::collection);
      if (same == wide.gives.end()) return false;
      return std::ranges::all_of(given.fields, [&](const Given& field) {
        return std::ranges::any_of(same->fields, [&](const Given& other) {
          return other.field == field.field && (other.form == field.form || level_of(field.form) == Level::nothing);
        });
      });
    });
  }

  void look_at_flows() {
    // Only flows to one party for one use can repeat each other.
    std::map<std::pair<PartyIndex, std::string_view>, std::vector<FlowIndex>> alike;
    for (std::size_t i = 0; i < plan_.flows.size(); ++i) {
      const Flow& flow = plan_.flows[i];
      if (flow.kind != Flow::Kind::gives) continue;
      auto& others = alike[{flow.to, flow.use}];
      const bool empty = std::ranges::all_of(flow.gives, [](const GivenCollection& given) {
        return std::ranges::all_of(given.fields, [](const Given& g) { return level_of(g.form) == Level::nothing; });
      });
      if (empty) {
        add("analysis.flow.empty", flow.line,
            fmt::format("flow '{}' gives nothing: every field is redacted", flow.name));
        continue;
      }
      if (others.size() < kAlikeMax) others.push_back(static_cast<FlowIndex>(i));
    }
    for (const auto& [key, flows] : alike) {
      for (const FlowIndex each : flows) {
        const auto wide = std::ranges::find_if(flows, [&](FlowIndex other) {
          return other != each && gives_all(plan_.flows[other], plan_.flows[each]) &&
                 (other < each || !gives_all(plan_.flows[each], plan_.flows[other]));
        });
        if (wide == flows.end()) continue;
        add("analysis.flow.repeated", plan_.flows[each].line,
            fmt::format("flow '{}' is never needed: '{}' (line {}) gives the same party all of it for the same use",
                        plan_.flows[each].name, plan_.flows[*wide].name, plan_.flows[*wide].line));
      }
    }
  }

  /// At most how many in a window of `hours`, by a flow's own limit.
  static std::uint64_t hours_of(const Limit& limit) {
    constexpr std::uint64_t kHours[] = {1, 24, 168, 28 * 24, 365 * 24};  // the shortest month
    return kHours[static_cast<std::size_t>(limit.window)] * limit.windows;
  }

  void look_at_limits() {
    for (const Flow& flow : plan_.flows) {
      for (const LimitIndex a : flow.limits) {
        const Limit& narrow = plan_.limits[a];
        const auto binding = std::ranges::find_if(flow.limits, [&](LimitIndex b) {
          const Limit& other = plan_.limits[b];
          if (a == b || narrow.rolling || other.rolling || narrow.counts != other.counts) return false;
          if (hours_of(narrow) < hours_of(other)) return narrow.amount >= other.amount;
          // Of the other's windows so many at most touch one of this: one begun before, one not ended, the longest
          // month.
          const std::uint64_t windows = hours_of(narrow) / hours_of(other) + 5;
          return hours_of(narrow) > hours_of(other) && other.amount <= narrow.amount / windows;
        });
        if (binding == flow.limits.end()) continue;
        add("analysis.limit.idle", flow.line,
            fmt::format("flow '{}': '{}' never binds, because '{}' is reached before", flow.name, narrow.text,
                        plan_.limits[*binding].text));
      }
    }
    for (std::size_t i = 0; i < plan_.limits.size(); ++i) {
      const Limit& limit = plan_.limits[i];
      if (limit.rolling && limit.counts != Limit::Counts::devices) look_at_bulk(static_cast<LimitIndex>(i));
    }
  }

  void look_at_devices() {
    for (const Flow& flow : plan_.flows) {
      for (const CountedDevices& counted : flow.devices) {
        if (!counted.fields.empty()) continue;
        add("analysis.devices.untold", flow.line,
            fmt::format("flow '{}' is under a rule that counts devices, and nothing in '{}' tells them apart, so that "
                        "each record counts as one; keep what does in a field there, which need not be given",
                        flow.name, plan_.collections[counted.collection].name));
      }
    }
  }

  /// A bulk limit cannot be reached when the limits of all its flows together stay below it.
  void look_at_bulk(LimitIndex index) {
    const Limit& bulk = plan_.limits[index];
    const std::uint64_t hours =
        bulk.windows * (hours_of(bulk) / bulk.windows == 28 * 24 ? 31 * 24 : hours_of(bulk) / bulk.windows);
    std::uint64_t most = 0;
    for (const Flow& flow : plan_.flows) {
      if (std::ranges::find(flow.limits, index) == flow.limits.end()) continue;
      std::optional<std::uint64_t> own;
      for (const LimitIndex each : flow.limits) {
        const Limit& limit = plan_.limits[each];
        if (limit.rolling || limit.counts != Limit::Counts::subjects) continue;
        const std::uint64_t windows = hours / hours_of(limit) + 2;  // one begun before, one not ended
        if (limit.amount > kUnbound / windows) continue;
        own = std::min(own.value_or(limit.amount * windows), limit.amount * windows);
      }
      if (!own) return;  // this flow alone can reach it
      most += *own;
    }
    if (most <= bulk.amount) {
      add("analysis.limit.idle", line_of(bulk.name),
          fmt::format("'{}' ({}) never binds: the limits of its flows let out {} at most", bulk.text, bulk.name, most));
    }
  }

  std::uint32_t line_of(std::string_view limit) const {
    for (const Prohibition& rule : plan_.prohibitions) {
      if (rule.limit && rule.limit->name == limit) return rule.line;
    }
    return 1;
  }

  void look_at_prohibitions() {
    for (const Prohibition& rule : plan_.prohibitions) {
      const auto counts = find_control(plan_.parties, {rule.countries, rule.party, rule.control_at});
      const bool anyone =
          std::ranges::any_of(reach_.cells, [&](const Cell& cell) { return counts[cell.party].counts(); });
      const bool anything = std::ranges::any_of(plan_.collections, [&](const Collection& collection) {
        return std::ranges::any_of(collection.fields, [&](const Field& field) {
          return covers(rule.category, field.category) || covers(field.category, rule.category);
        });
      });
      if (!anything) {
        add("analysis.prohibition.idle", rule.line,
            fmt::format("this prohibition never binds: no collection has a field of {}", rule.category));
      } else if (!anyone) {
        add("analysis.prohibition.idle", rule.line, "this prohibition never binds: nothing reaches whom it is about");
      }
    }
  }

  void look_at_fields() {
    std::set<std::pair<CollectionIndex, FieldIndex>> used;
    for (const Source& source : reach_.sources) {
      if (source.kind != Source::Kind::exports) used.emplace(source.collection, source.field);
    }
    for (const Flow& flow : plan_.flows) {  // what is read for a product has a use, if the product has
      for (const Reads& reads : flow.reads) {
        for (const FieldIndex field : reads.fields) used.emplace(reads.collection, field);
      }
    }
    for (const Flow& flow : plan_.flows) {  // and what tells devices apart, for a law that counts them
      for (const CountedDevices& counted : flow.devices) {
        for (const FieldIndex field : counted.fields) used.emplace(counted.collection, field);
      }
    }
    for (std::size_t c = 0; c < plan_.collections.size(); ++c) {
      for (std::size_t f = 0; f < plan_.collections[c].fields.size(); ++f) {
        const Field& field = plan_.collections[c].fields[f];
        if (used.contains({static_cast<CollectionIndex>(c), static_cast<FieldIndex>(f)})) continue;
        add("analysis.field.unused", field.line,
            fmt::format("{}.{} ({}) is kept and no flow uses it: data that is not needed should not be collected",
                        plan_.collections[c].name, field.name, field.category));
      }
    }
  }

  void look_at_products() {
    for (const Flow& flow : plan_.flows) {
      if (!flow.makes || std::ranges::any_of(plan_.flows, [&](const Flow& each) { return each.with == flow.makes; }))
        continue;
      add("analysis.product.unread", flow.line,
          fmt::format("flow '{}' makes '{}' of all subjects, and no flow runs with it", flow.name, *flow.makes));
    }
  }

  void look_at_parties() {
    std::set<PartyIndex> active(plan_.served_by.begin(), plan_.served_by.end());
    for (const Flow& flow : plan_.flows) active.insert(flow.to);
    for (const Collection& collection : plan_.collections)
      active.insert(collection.depositors.begin(), collection.depositors.end());
    for (const Party& party : plan_.parties) {
      if (party.operated_by) active.insert(*party.operated_by);
      active.insert(party.shares_with.begin(), party.shares_with.end());
      for (const Owner& owner : party.owners) {
        if (owner.party) active.insert(*owner.party);
      }
    }
    for (std::size_t i = 0; i < plan_.parties.size(); ++i) {
      const auto index = static_cast<PartyIndex>(i);
      const Party& party = plan_.parties[i];
      if (party.role == Role::recipient && !active.contains(index)) {
        add("analysis.party.idle", party.line,
            fmt::format("'{}' takes no part: no flow, deposit or share reaches it", party.name));
      }
      for (const PartyIndex to : party.shares_with) {
        // A circle is told once, at the first of its parties.
        if (to < index || !reach_.spread.distance(to, index)) continue;
        add("analysis.party.circle", party.line,
            fmt::format("what '{}' passes on to '{}' comes back to it: whoever is in the circle gets all of it",
                        party.name, plan_.parties[to].name));
      }
    }
  }

  static constexpr std::size_t kAlikeMax = 64;  // flows to one party for one use that are compared with each other
  static constexpr std::uint64_t kUnbound = 1'000'000'000'000'000;
  const Reach& reach_;
  const Plan& plan_;
  std::vector<Finding> out_;
};

}  // namespace

std::vector<Finding> lint(const Reach& reach) { return Lint(reach).run(); }

}  // namespace holdfast::analysis
