#pragma once

#include <cstdint>
#include <string>

#include "agreement/plan.h"
#include "analysis/compare.h"

namespace holdfast::analysis {

/// What `compare` sorts by, the greatest first. Of a change in what reaches a party these add up, and a number below
/// ten for the kind, so that the worse kind comes first where all else is the same.
inline constexpr std::uint32_t kDangerOpens = 2000;        ///< something arrives that did not
inline constexpr std::uint32_t kDangerOpensAbroad = 1000;  ///< and that outside of the subjects' country
inline constexpr std::uint32_t kDangerAlters = 500;        ///< it arrives in another form of the same level
inline constexpr std::uint32_t kDangerAltersAbroad = 250;  ///< and that outside of the subjects' country
inline constexpr std::uint32_t kDangerLevel = 100;         ///< for each level that the form is above nothing

/// A change in the terms has one number, by its kind; but what binds something else, or nothing, comes further up.
inline constexpr std::uint32_t kDangerUnbound = 2500;  ///< after all that opens abroad, before all that opens at home
inline constexpr std::uint32_t kDangerSigners = 2250;  ///< after what opens at home as generalised, before a token
inline constexpr std::uint32_t kDangerLooser = 2200;   ///< after a token at home, before an aggregate
inline constexpr std::uint32_t kDangerAltered = 600;   ///< after every way that is altered, before those that close
inline constexpr std::uint32_t kDangerTighter = 10;    ///< after every way that narrows or closes

/// Of a change in what reaches `party`, at most in the form of `level`.
std::uint32_t danger_of(Change::Kind kind, agreement::Level level, const agreement::Plan& plan,
                        const agreement::Party* party);
/// Of a change in the terms.
std::uint32_t danger_of(Change::Kind kind);
/// A change in the terms.
Change term(Change::Kind kind, std::string text, std::uint32_t line, std::uint32_t old_line);
/// A change by which rules bind something else than before, or nothing.
Change unbound(Change::Kind kind, std::string text, std::uint32_t line, std::uint32_t old_line);

}  // namespace holdfast::analysis
