#include "analysis/joint.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

#include "agreement/taxonomy.h"
#include "analysis/answers.h"

namespace holdfast::analysis {
namespace {

using namespace agreement;

constexpr std::size_t kPartsMax = 3;

/// A set of quasi-identifiers: its parts are categories, each covering what lies beneath it.
struct KnownSet {
  std::string_view name, why;
  std::array<std::array<std::string_view, 2>, kPartsMax> parts;  ///< alternatives; empty ones are none
};

constexpr std::array<KnownSet, 5> kSets{{
    {"birth date, postal code and sex",
     "in full they single out 87 % of the people of the United States (Sweeney, 2000)",
     {{{"user.demographic.date_of_birth", "user.demographic.age_range"},
       {"user.contact.address.postal_code", "user.contact.address"},
       {"user.demographic.gender", ""}}}},
    {"name and birth date",
     "the two that most registers are searched by",
     {{{"user.name", ""}, {"user.demographic.date_of_birth", ""}, {}}}},
    {"name and address", "a directory's entry", {{{"user.name", ""}, {"user.contact.address", ""}, {}}}},
    {"precise location and behaviour",
     "four points in place and time single out 95 % of people (de Montjoye et al., 2013)",
     {{{"user.location.precise", ""}, {"user.behavior", ""}, {}}}},
    {"device and network address",
     "listed identifiers linked with each other are covered personal identifiers (28 CFR 202.212)",
     {{{"user.device.device_id", "user.device.cookie_id"}, {"user.device.ip_address", ""}, {}}}},
}};

/// What tells one person from all others, in the clear.
constexpr std::array<std::string_view, 5> kUnique{"user.unique_id", "user.government_id", "user.contact.email",
                                                  "user.contact.phone_number", "user.account.username"};

const Field& field_of(const Reach& reach, const Source& source) {
  return reach.plan->collections[source.collection].fields[source.field];
}

bool covered_by_any(const auto& categories, std::string_view category) {
  return std::ranges::any_of(categories,
                             [&](std::string_view each) { return !each.empty() && covers(each, category); });
}

/// The groups of one party's sources within which releases of one subject can be told to be of one: each source may
/// be in several.
std::map<std::string, std::vector<SourceIndex>> joinable(const Reach& reach, PartyIndex party) {
  std::map<std::string, std::vector<SourceIndex>> out;
  std::map<std::pair<PartyIndex, std::string>, std::vector<SourceIndex>> releases;  // by who got it, and flow
  std::vector<SourceIndex> all;
  for (std::size_t i = 0; i < reach.sources.size(); ++i) {
    const Source& source = reach.sources[i];
    if (source.level < Level::token || !reach.spread.distance(source.to, party)) continue;
    const bool exports = source.kind == Source::Kind::exports;
    const auto index = static_cast<SourceIndex>(i);
    // Whoever asks names the subject, so all that it gets of one subject it knows to be of one.
    out[fmt::format("the subject that '{}' asks for", reach.plan->parties[source.to].name)].push_back(index);
    all.push_back(index);
    releases[{source.to, exports ? "" : reach.plan->flows[source.flow].name}].push_back(index);
  }
  // And so do several who pass on to one what they get.
  if (out.size() > 1) out["the subject's id, which each who asks knows"] = std::move(all);
  // What joins, and the releases in which it stands.
  std::map<std::string, std::set<std::pair<PartyIndex, std::string>>> keys;
  std::map<std::string, std::vector<SourceIndex>> wide;
  for (const auto& [release, sources] : releases) {
    for (const SourceIndex each : sources) {
      const Source& source = reach.sources[each];
      const Field& field = field_of(reach, source);
      std::string key;
      if (source.level == Level::clear && covered_by_any(kUnique, field.category)) {
        key = fmt::format("the same {} in the clear", field.category);
      } else if (source.level == Level::token) {  // one key for each recipient and use
        key = fmt::format("the same tokens of {}, made for '{}' and {}", field.category,
                          reach.plan->parties[source.to].name, reach.plan->flows[source.flow].use);
      } else {
        continue;
      }
      keys[key].insert(release);
      wide[key].insert(wide[key].end(), sources.begin(), sources.end());
    }
  }
  for (auto& [key, sources] : wide) {
    if (keys[key].size() < 2) continue;
    std::ranges::sort(sources);
    sources.erase(std::unique(sources.begin(), sources.end()), sources.end());
    out[key] = std::move(sources);
  }
  return out;
}

std::optional<Joint> find_set(const Reach& reach, PartyIndex party, const KnownSet& known, const std::string& basis,
                              const std::vector<SourceIndex>& sources) {
  Joint out{party, known.name, known.why, {}, basis};
  for (const auto& part : known.parts) {
    if (part[0].empty()) continue;
    std::optional<SourceIndex> best;
    for (const SourceIndex each : sources) {
      const Source& source = reach.sources[each];
      if (source.level < Level::generalised || !covered_by_any(part, field_of(reach, source).category)) continue;
      if (!best || reveals_more(reach, {each, party, 0}, {*best, party, 0})) best = each;
    }
    if (!best) return std::nullopt;
    out.members.push_back(*best);
  }
  return out;
}

}  // namespace

std::vector<Joint> find_joint(const Reach& reach) {
  std::vector<Joint> out;
  for (std::size_t i = 0; i < reach.plan->parties.size(); ++i) {
    const auto party = static_cast<PartyIndex>(i);
    if (reach.of_party(party).empty() || party == reach.plan->trustee()) continue;  // which keeps it all anyway
    const auto groups = joinable(reach, party);
    for (const KnownSet& known : kSets) {
      for (const auto& [basis, sources] : groups) {
        if (auto joint = find_set(reach, party, known, basis, sources)) {
          out.push_back(*std::move(joint));
          break;  // one witness a set and party
        }
      }
    }
  }
  return out;
}

std::string describe_joint(const Reach& reach, const Joint& joint) {
  std::string members;
  for (const SourceIndex each : joint.members) {
    const Source& source = reach.sources[each];
    members += fmt::format("{}{}.{} {} by {} (line {})", members.empty() ? "" : ", ",
                           reach.plan->collections[source.collection].name, field_of(reach, source).name,
                           as_form(source), way_name(reach, source), source.line);
  }
  return fmt::format("at '{}' {} come together, joined by {}: {}; {}", reach.plan->parties[joint.party].name, joint.set,
                     joint.basis, members, joint.why);
}

}  // namespace holdfast::analysis
