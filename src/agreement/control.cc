#include "agreement/control.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::agreement {
namespace {

bool any_of(const std::vector<std::string>& countries, const Concern& concern) {
  return std::ranges::any_of(countries, [&](const std::string& country) {
    return std::ranges::find(concern.countries, country) != concern.countries.end();
  });
}

bool is_of(const std::string& country, const Concern& concern) {
  return std::ranges::find(concern.countries, country) != concern.countries.end();
}

/// Who has a stake in whom: so that a party which comes to count is told to those whom that may make count.
struct Stakes {
  std::vector<std::vector<std::pair<PartyIndex, std::uint16_t>>> owned;  ///< by owner: party, index of its share
  std::vector<std::vector<PartyIndex>> operated;                         ///< by operator
};

Stakes stakes_of(std::span<const Party> parties) {
  Stakes out{std::vector<std::vector<std::pair<PartyIndex, std::uint16_t>>>(parties.size()),
             std::vector<std::vector<PartyIndex>>(parties.size())};
  for (std::size_t i = 0; i < parties.size(); ++i) {
    const auto party = static_cast<PartyIndex>(i);
    if (parties[i].operated_by) out.operated[*parties[i].operated_by].push_back(party);
    for (std::size_t o = 0; o < parties[i].owners.size(); ++o) {
      const auto& owner = parties[i].owners[o];
      if (owner.party) out.owned[*owner.party].emplace_back(party, static_cast<std::uint16_t>(o));
    }
  }
  return out;
}

/// Whoever looks from a country sees what the party sees, and what those see whom it operates.
void add_viewed(std::span<const Party> parties, const Concern& concern, std::vector<Control>& out) {
  for (std::size_t i = 0; i < parties.size(); ++i) {
    std::optional<PartyIndex> next = static_cast<PartyIndex>(i);
    for (std::size_t steps = 0; next && !out[i].counts() && steps <= parties.size(); ++steps) {
      if (any_of(parties[*next].viewed_from, concern)) out[i].why = Control::Why::viewed;
      next = parties[*next].operated_by;
    }
  }
}

std::string names_of(std::span<const Party> parties, const Concern& concern) {
  if (concern.party) return "'" + parties[*concern.party].name + "'";
  return fmt::format("{}", fmt::join(concern.countries, ", "));
}

std::string owner_text(std::span<const Party> parties, const Owner& owner) {
  return owner.party ? "'" + parties[*owner.party].name + "'" : owner.country;
}

std::string first_in(const std::vector<std::string>& countries, const Concern& concern) {
  const auto found = std::ranges::find_if(countries, [&](const auto& c) { return is_of(c, concern); });
  return found == countries.end() ? "" : *found;
}

/// One party's reason, without those of its owners.
std::string own_reason(std::span<const Party> parties, const Concern& concern, const Control& control,
                       PartyIndex index) {
  const Party& party = parties[index];
  switch (control.why) {
    case Control::Why::itself:
      return fmt::format("it is '{}'", party.name);
    case Control::Why::located:
      return fmt::format("'{}' is in {} (line {})", party.name, party.country, party.line);
    case Control::Why::directed:
      return fmt::format("'{}' is controlled by {} (line {})", party.name, first_in(party.controlled_by, concern),
                         party.line);
    case Control::Why::operated:
      return fmt::format("'{}' (line {}) is operated by '{}'", party.name, party.line,
                         parties[*party.operated_by].name);
    case Control::Why::viewed: {
      std::optional<PartyIndex> at = index;
      for (std::size_t i = 0; at && i <= parties.size() && !any_of(parties[*at].viewed_from, concern); ++i)
        at = parties[*at].operated_by;
      const Party& viewer = at ? parties[*at] : party;
      return fmt::format("people of '{}' look at it from {} (line {})", viewer.name,
                         first_in(viewer.viewed_from, concern), viewer.line);
    }
    case Control::Why::owned:
    case Control::Why::none:
      break;
  }
  std::string shares;
  for (const std::uint16_t owner : control.owners) {
    const Owner& one = party.owners[owner];
    shares += fmt::format("{}{} {} (line {})", shares.empty() ? "" : " and ", owner_text(parties, one),
                          share_text(one.share), one.line);
  }
  if (shares.empty()) {
    return fmt::format("nobody of {} is known to own a share of '{}'", names_of(parties, concern), party.name);
  }
  if (control.owners.size() > 1) shares += fmt::format(", together {}", share_text(control.share));
  const bool whole = control.why == Control::Why::owned;
  const SharePpm margin = whole ? control.share - concern.control_at : concern.control_at - control.share;
  const std::string measure =
      margin == 0 ? "just" : fmt::format("{} {}", share_text(margin), whole ? "above" : "below");
  return fmt::format("'{}' is owned by {}, {} the threshold of {}", party.name, shares, measure,
                     share_text(concern.control_at));
}

}  // namespace

std::vector<Control> find_control(std::span<const Party> parties, const Concern& concern) {
  std::vector<Control> out(parties.size());
  std::vector<PartyIndex> fresh;
  const auto mark = [&](PartyIndex party, Control::Why why) {
    if (out[party].counts()) return;
    out[party].why = why;
    fresh.push_back(party);
  };
  const auto add_share = [&](PartyIndex party, std::uint16_t owner) {
    out[party].share += parties[party].owners[owner].share;
    out[party].owners.push_back(owner);
    if (out[party].share >= concern.control_at) mark(party, Control::Why::owned);
  };
  if (concern.party) mark(*concern.party, Control::Why::itself);
  for (std::size_t i = 0; i < parties.size(); ++i) {
    const auto party = static_cast<PartyIndex>(i);
    if (is_of(parties[i].country, concern)) mark(party, Control::Why::located);
    if (any_of(parties[i].controlled_by, concern)) mark(party, Control::Why::directed);
    for (std::size_t o = 0; o < parties[i].owners.size(); ++o) {
      if (!parties[i].owners[o].party && is_of(parties[i].owners[o].country, concern))
        add_share(party, static_cast<std::uint16_t>(o));
    }
  }
  const Stakes stakes = stakes_of(parties);
  while (!fresh.empty()) {  // every party comes here once at most, so every stake is looked at once
    const PartyIndex party = fresh.back();
    fresh.pop_back();
    for (const auto& [owned, owner] : stakes.owned[party]) add_share(owned, owner);
    for (const PartyIndex operated : stakes.operated[party]) mark(operated, Control::Why::operated);
  }
  for (Control& control : out) std::ranges::sort(control.owners);
  if (!concern.party) add_viewed(parties, concern, out);
  return out;
}

std::string explain_control(std::span<const Party> parties, const Concern& concern, std::span<const Control> controls,
                            PartyIndex party) {
  std::string out;
  std::vector<PartyIndex> todo{party};
  std::vector<bool> said(parties.size());
  while (!todo.empty()) {
    const PartyIndex at = todo.back();
    todo.pop_back();
    if (said[at]) continue;
    said[at] = true;
    const Control& control = controls[at];
    out += (out.empty() ? "" : "; ") + own_reason(parties, concern, control, at);
    if (control.why == Control::Why::operated) todo.push_back(*parties[at].operated_by);
    if (control.why != Control::Why::owned && control.why != Control::Why::none) continue;
    for (auto owner = control.owners.rbegin(); owner != control.owners.rend(); ++owner) {
      if (const auto& by = parties[at].owners[*owner].party) todo.push_back(*by);
    }
  }
  return out;
}

std::vector<PartyIndex> find_ownership_circle(std::span<const Party> parties) {
  enum class Seen : std::uint8_t { no, open, done };
  std::vector<Seen> seen(parties.size(), Seen::no);
  struct At {
    PartyIndex party;
    std::size_t next = 0;
  };
  for (std::size_t start = 0; start < parties.size(); ++start) {
    std::vector<At> way;
    if (seen[start] == Seen::no) way.push_back({static_cast<PartyIndex>(start)});
    while (!way.empty()) {
      At& at = way.back();
      seen[at.party] = Seen::open;
      const auto& owners = parties[at.party].owners;
      if (at.next == owners.size()) {
        seen[at.party] = Seen::done;
        way.pop_back();
        continue;
      }
      const auto& owner = owners[at.next++].party;
      if (!owner || seen[*owner] == Seen::done) continue;
      if (seen[*owner] == Seen::no) {
        way.push_back({*owner});
        continue;
      }
      std::vector<PartyIndex> circle;
      const auto first = std::ranges::find(way, *owner, &At::party);
      for (auto each = first; each != way.end(); ++each) circle.push_back(each->party);
      return circle;
    }
  }
  return {};
}

std::string share_text(SharePpm share) {
  constexpr SharePpm kPercent = 10'000;
  std::string out = fmt::format("{}.{:04}", share / kPercent, share % kPercent);
  while (out.back() == '0') out.pop_back();
  if (out.back() == '.') out.pop_back();
  return out + " %";
}

}  // namespace holdfast::agreement
