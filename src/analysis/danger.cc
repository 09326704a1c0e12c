#include "analysis/danger.h"

#include <algorithm>

namespace holdfast::analysis {

using Kind = Change::Kind;

std::uint32_t danger_of(Kind kind, agreement::Level level, const agreement::Plan& plan, const agreement::Party* party) {
  const bool abroad = party != nullptr && std::ranges::any_of(party->countries, [&](const std::string& country) {
                        return country != plan.subjects_country;
                      });
  std::uint32_t danger = 1 + static_cast<std::uint32_t>(Kind::closes) - static_cast<std::uint32_t>(kind);
  danger += static_cast<std::uint32_t>(level) * kDangerLevel;
  if (kind == Kind::alters) return danger + kDangerAlters + (abroad ? kDangerAltersAbroad : 0);
  if (is_opening(kind)) danger += kDangerOpens + (abroad ? kDangerOpensAbroad : 0);
  return danger;
}

std::uint32_t danger_of(Kind kind) {
  switch (kind) {
    case Kind::signs:
      return kDangerSigners;
    case Kind::loosens:
      return kDangerLooser;
    case Kind::alters:
      return kDangerAltered;
    default:
      return kDangerTighter;
  }
}

Change term(Kind kind, std::string text, std::uint32_t line, std::uint32_t old_line) {
  return {kind, danger_of(kind), std::move(text), "", line, old_line};
}

Change unbound(Kind kind, std::string text, std::uint32_t line, std::uint32_t old_line) {
  return {kind, kDangerUnbound, std::move(text), "", line, old_line};
}

}  // namespace holdfast::analysis
