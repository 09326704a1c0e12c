#include "analysis/joint.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>
#include <vector>

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

/// One bit for each part of each set that is covered by a category.
std::uint32_t parts_of(std::string_view category) {
  std::uint32_t out = 0, bit = 1;
  for (const KnownSet& known : kSets) {
    for (const auto& part : known.parts) {
      if (covered_by_any(part, category)) out |= bit;
      bit <<= 1;
    }
  }
  return out;
}

/// What leaves together: by one flow, or in subjects' own exports to one party.
struct Release {
  PartyIndex to = 0;
  std::vector<SourceIndex> sources;
  std::uint32_t parts = 0;        ///< of the sets, that its sources tell
  std::vector<std::size_t> keys;  ///< what joins it to others: indices of Releases::keys
};

struct Releases {
  std::vector<Release> all;
  std::vector<std::string> keys;     ///< each in words
  std::vector<std::uint32_t> tells;  ///< by source: the parts that it tells
};

/// What one source may be joined to others by, in words; empty: by nothing.
std::string key_of(const Reach& reach, const Source& source) {
  const Field& field = field_of(reach, source);
  if (source.level == Level::clear && covered_by_any(kUnique, field.category)) {
    return fmt::format("the same {} in the clear", field.category);
  }
  if (source.level != Level::token) return {};
  // One key for each recipient and use.
  return fmt::format("the same tokens of {}, made for '{}' and {}", field.category, reach.plan->parties[source.to].name,
                     reach.plan->flows[source.flow].use);
}

Releases releases_of(const Reach& reach) {
  Releases out;
  out.tells.resize(reach.sources.size());
  std::map<std::pair<PartyIndex, std::string_view>, std::size_t> known;  // by who got it, and flow
  std::map<std::string, std::size_t> keys;
  std::map<std::string_view, std::uint32_t> parts;
  for (std::size_t i = 0; i < reach.sources.size(); ++i) {
    const Source& source = reach.sources[i];
    if (source.level < Level::token) continue;
    std::string_view flow;  // exports have none
    if (source.kind != Source::Kind::exports) flow = reach.plan->flows[source.flow].name;
    const std::size_t at = known.try_emplace({source.to, flow}, out.all.size()).first->second;
    if (at == out.all.size()) out.all.push_back({source.to, {}, 0, {}});
    Release& release = out.all[at];
    release.sources.push_back(static_cast<SourceIndex>(i));
    if (source.level >= Level::generalised) {
      const auto [found, fresh] = parts.try_emplace(field_of(reach, source).category);
      if (fresh) found->second = parts_of(found->first);
      out.tells[i] = found->second;
      release.parts |= found->second;
    }
    if (std::string key = key_of(reach, source); !key.empty()) {
      const auto [found, fresh] = keys.try_emplace(std::move(key), keys.size());
      if (fresh) out.keys.push_back(found->first);
      if (std::ranges::find(release.keys, found->second) == release.keys.end()) release.keys.push_back(found->second);
    }
  }
  return out;
}

/// Releases that reach one party, within which those of one subject can be told to be of one.
struct Group {
  std::string basis;
  std::vector<const Release*> releases;
  std::uint32_t parts = 0;
};

/// A release may be in several. Sorted by basis.
std::vector<Group> groups_of(const Reach& reach, const Releases& releases, PartyIndex party) {
  std::vector<Group> by_asker(reach.plan->parties.size()), by_key(releases.keys.size());
  Group all{"the subject's id, which each who asks knows", {}, 0};
  const auto add = [](Group& group, const Release& release) {
    group.releases.push_back(&release);
    group.parts |= release.parts;
  };
  for (const Release& release : releases.all) {
    if (!reach.spread.distance(release.to, party)) continue;
    add(by_asker[release.to], release);
    add(all, release);
    for (const std::size_t key : release.keys) add(by_key[key], release);
  }
  std::vector<Group> out;
  // Whoever asks names the subject, so all that it gets of one subject it knows to be of one.
  for (std::size_t i = 0; i < by_asker.size(); ++i) {
    if (by_asker[i].releases.empty()) continue;
    by_asker[i].basis = fmt::format("the subject that '{}' asks for", reach.plan->parties[i].name);
    out.push_back(std::move(by_asker[i]));
  }
  // And so do several who pass on to one what they get.
  if (out.size() > 1) out.push_back(std::move(all));
  for (std::size_t i = 0; i < by_key.size(); ++i) {
    if (by_key[i].releases.size() < 2) continue;
    by_key[i].basis = releases.keys[i];
    out.push_back(std::move(by_key[i]));
  }
  std::ranges::sort(out, {}, &Group::basis);
  return out;
}

/// `first_bit`: of the set's parts.
std::optional<Joint> find_set(const Reach& reach, const Releases& releases, PartyIndex party, const KnownSet& known,
                              std::uint32_t first_bit, const Group& group) {
  Joint out{party, known.name, known.why, {}, group.basis};
  std::uint32_t bit = first_bit;
  for (std::size_t part = 0; part < kPartsMax && !known.parts[part][0].empty(); ++part, bit <<= 1) {
    if (!(group.parts & bit)) return std::nullopt;
    std::optional<SourceIndex> best;
    for (const Release* release : group.releases) {
      if (!(release->parts & bit)) continue;
      for (const SourceIndex each : release->sources) {
        if (!(releases.tells[each] & bit)) continue;
        if (!best || reveals_more(reach, {each, party, 0}, {*best, party, 0})) best = each;
      }
    }
    out.members.push_back(*best);
  }
  return out;
}

}  // namespace

std::vector<Joint> find_joint(const Reach& reach) {
  std::vector<Joint> out;
  const Releases releases = releases_of(reach);
  for (std::size_t i = 0; i < reach.plan->parties.size(); ++i) {
    const auto party = static_cast<PartyIndex>(i);
    if (reach.of_party(party).empty() || party == reach.plan->trustee()) continue;  // which keeps it all anyway
    const auto groups = groups_of(reach, releases, party);
    std::uint32_t first_bit = 1;
    for (const KnownSet& known : kSets) {
      for (const Group& group : groups) {
        if (auto joint = find_set(reach, releases, party, known, first_bit, group)) {
          out.push_back(*std::move(joint));
          break;  // one witness a set and party
        }
      }
      first_bit <<= kPartsMax;
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
