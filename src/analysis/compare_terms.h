#pragma once

#include <vector>

#include "agreement/plan.h"
#include "analysis/compare.h"

namespace holdfast::analysis {

/// What changes in the terms around the flows: prohibitions, rule packs, whose data it is, what fields and collections
/// are, keeping, who deposits, who must sign and by which key. Part of `compare`.
void compare_terms(const agreement::Plan& before, const agreement::Plan& after, std::vector<Change>& out);

}  // namespace holdfast::analysis
