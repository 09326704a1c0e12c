#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agreement/plan.h"

namespace holdfast::agreement {

/// How what one party gets comes to the next.
struct Step {
  enum class How : std::uint8_t {
    operates,  ///< `to` operates `from`, so it sees what `from` sees
    owns,      ///< `to` controls `from` by its shares
    shares,    ///< `from` may pass on to `to`
  };
  How how = How::operates;
  PartyIndex from = 0, to = 0;
};

/// "'shop' may pass it on to 'partner'".
std::string describe(std::span<const Party> parties, const Step& step);

/// Whom everything that a party gets reaches in the end, by the shortest ways: through operation, ownership and onward
/// sharing, cycles included. Computed once for all parties. Immutable.
class Spread {
 public:
  explicit Spread(std::span<const Party> parties);
  /// Everyone whom it reaches, nearest first; the first is `from` itself.
  std::span<const PartyIndex> from(PartyIndex from) const { return reached_[from]; }
  /// How many steps; nothing when it does not get there.
  std::optional<std::uint16_t> distance(PartyIndex from, PartyIndex to) const;
  /// The steps, `from` first; empty when they are the same or it does not get there.
  std::vector<Step> path(PartyIndex from, PartyIndex to) const;

 private:
  static constexpr std::uint16_t kNever = 0xffff;
  struct Came {
    std::uint16_t distance = kNever;
    Step step;
  };
  std::vector<std::vector<PartyIndex>> reached_;
  std::vector<std::vector<Came>> came_;  ///< by from, to; empty for one that passes nothing on
};

}  // namespace holdfast::agreement
