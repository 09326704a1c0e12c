#pragma once

#include <optional>
#include <vector>

#include "analysis/compare.h"
#include "analysis/reach.h"

namespace holdfast::analysis {

/// What it is when something leaves as `now` that left as `was`; nothing when it leaves as before.
std::optional<Change::Kind> kind_between(const Source& was, const Source& now);

/// What changes flow by flow: to whom it goes, each field's form, the terms of what it adds up, its limits, its module,
/// its product. The cells of a Reach hold one way for each category, the most revealing, so a field that leaves in
/// another form behind one that reveals as much is seen here only; what they tell is not told again. Part of `compare`.
void compare_flows(const Reach& before, const Reach& after, std::vector<Change>& out);

}  // namespace holdfast::analysis
