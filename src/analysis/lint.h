#pragma once

#include <vector>

#include "agreement/findings.h"
#include "analysis/reach.h"

namespace holdfast::analysis {

/// What is allowed but most likely not meant (`holdfast agreement check --strict`): flows that give nothing or nothing
/// that another does not give, limits and prohibitions that never bind, fields that are kept and never used, parties
/// that take no part, sharing in a circle, sets of quasi-identifiers and privacy budgets that come together. Sorted by
/// line. Slugs: analysis.flow.empty, analysis.flow.repeated, analysis.limit.idle, analysis.prohibition.idle,
/// analysis.field.unused, analysis.devices.untold, analysis.party.idle, analysis.party.circle, analysis.joint,
/// analysis.budgets.
std::vector<agreement::Finding> lint(const Reach& reach);

}  // namespace holdfast::analysis
