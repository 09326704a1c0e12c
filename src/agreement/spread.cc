#include "agreement/spread.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "agreement/control.h"

namespace holdfast::agreement {
namespace {

using Steps = std::vector<std::vector<Step>>;

void add_owners(std::span<const Party> parties, Steps& steps) {
  std::set<PartyIndex> owners;
  for (const Party& party : parties) {
    for (const Owner& owner : party.owners) {
      if (owner.party) owners.insert(*owner.party);
    }
  }
  for (const PartyIndex owner : owners) {
    const auto controls = find_control(parties, {{}, owner, kShareControl});
    for (std::size_t i = 0; i < parties.size(); ++i) {
      if (controls[i].why != Control::Why::owned) continue;
      steps[i].push_back({Step::How::owns, static_cast<PartyIndex>(i), owner});
    }
  }
}

Steps steps_of(std::span<const Party> parties) {
  Steps out(parties.size());
  for (std::size_t i = 0; i < parties.size(); ++i) {
    const auto from = static_cast<PartyIndex>(i);
    if (parties[i].operated_by) out[i].push_back({Step::How::operates, from, *parties[i].operated_by});
    for (const PartyIndex to : parties[i].shares_with) out[i].push_back({Step::How::shares, from, to});
  }
  add_owners(parties, out);
  return out;
}

}  // namespace

std::string describe(std::span<const Party> parties, const Step& step) {
  const std::string &from = parties[step.from].name, &to = parties[step.to].name;
  switch (step.how) {
    case Step::How::operates:
      return fmt::format("'{}' operates '{}'", to, from);
    case Step::How::owns:
      return fmt::format("'{}' controls '{}' by its shares", to, from);
    case Step::How::shares:
      break;
  }
  return fmt::format("'{}' may pass it on to '{}' (line {})", from, to, parties[step.from].line);
}

Spread::Spread(std::span<const Party> parties) : reached_(parties.size()), came_(parties.size()) {
  const Steps steps = steps_of(parties);
  for (std::size_t start = 0; start < parties.size(); ++start) {
    auto& reached = reached_[start];
    reached.push_back(static_cast<PartyIndex>(start));
    if (steps[start].empty()) continue;  // most parties pass nothing on: they need no row
    auto& came = came_[start];
    came.resize(parties.size());
    came[start].distance = 0;
    for (std::size_t next = 0; next < reached.size(); ++next) {
      const PartyIndex at = reached[next];
      for (const Step& step : steps[at]) {
        if (came[step.to].distance != kNever) continue;
        came[step.to] = {static_cast<std::uint16_t>(came[at].distance + 1), step};
        reached.push_back(step.to);
      }
    }
  }
}

std::optional<std::uint16_t> Spread::distance(PartyIndex from, PartyIndex to) const {
  if (from == to) return 0;
  if (came_[from].empty() || came_[from][to].distance == kNever) return std::nullopt;
  return came_[from][to].distance;
}

std::vector<Step> Spread::path(PartyIndex from, PartyIndex to) const {
  std::vector<Step> out;
  if (!distance(from, to)) return out;
  for (PartyIndex at = to; at != from; at = came_[from][at].step.from) out.push_back(came_[from][at].step);
  std::ranges::reverse(out);
  return out;
}

}  // namespace holdfast::agreement
