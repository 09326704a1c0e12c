#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analysis/reach.h"

namespace holdfast::analysis {

/// How much sums over all subjects can tell a party of any one of them in a calendar year: the privacy budgets of every
/// aggregate that reaches it, by whichever way, added up window by window (sequential composition: Dwork and Roth, The
/// Algorithmic Foundations of Differential Privacy, 2014, theorem 3.16). No release is held to the sum.
struct Budgets {
  agreement::PartyIndex party = 0;
  std::vector<agreement::FlowIndex> flows;  ///< in the document's order
  double epsilon = 0, delta = 0;
};

/// By party; whom no aggregate reaches is left out, and so is the trustee: it keeps everything anyway.
std::vector<Budgets> find_budgets(const Reach& reach);

/// "over a year, sums tell 'maker' of any one subject at most epsilon 57 and delta 5.4e-08: epsilon 1 a week by flow
/// 'report' (line 30), epsilon 0.25 a month by flow 'ages' (line 36)".
std::string describe_budgets(const Reach& reach, const Budgets& budgets);

}  // namespace holdfast::analysis
