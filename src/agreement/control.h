#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agreement/plan.h"

namespace holdfast::agreement {

/// Whose parties are looked for: those of any of `countries`, or of one party.
struct Concern {
  std::vector<std::string> countries;  ///< sorted
  std::optional<PartyIndex> party;
  SharePpm control_at = kShareControl;
};

/// What one party has to do with a concern.
struct Control {
  /// By what it counts; the first that holds, in this order. `viewed` is not control: someone looks from there.
  enum class Why : std::uint8_t { none, itself, located, directed, operated, owned, viewed };
  Why why = Why::none;
  /// What owners that count hold together, also where it is below the threshold: the margin is the difference.
  SharePpm share = 0;
  std::vector<std::uint16_t> owners;  ///< which of the party's owners that is
  bool counts() const { return why != Why::none; }
};

/// For every party, whether it counts as one of the concern: through chains and in aggregate, an owner that counts
/// counting whole (28 CFR 202.211(a)). The least fixpoint, so ownership in a circle proves nothing by itself. Near
/// linear in parties and shares.
std::vector<Control> find_control(std::span<const Party> parties, const Concern& concern);

/// Why `party` counts, down to the ground: "'fund-a' owns 60 % of 'shop' (line 7); 'fund-a' is in CN (line 9)". Of
/// one that does not count, the share and the margin. `controls` is find_control's for `concern`.
std::string explain_control(std::span<const Party> parties, const Concern& concern, std::span<const Control> controls,
                            PartyIndex party);

/// The parties that go round in a circle of ownership, in its order; empty when there is none.
std::vector<PartyIndex> find_ownership_circle(std::span<const Party> parties);

/// "19.9 %" for 199000.
std::string share_text(SharePpm share);

}  // namespace holdfast::agreement
