#pragma once

#include <string>
#include <vector>

#include "analysis/answer.h"
#include "analysis/asked.h"

namespace holdfast::analysis {

// What the answers share; `ask` in answer.h is what others call.

/// "in the clear", "as token".
std::string as_form(const Source& source);
std::string category_name(const Reach& reach, const Source& source);
/// "flow 'support'".
std::string way_name(const Reach& reach, const Source& source);
/// What leaves, how it goes on, and by what the last counts as who was asked about: a ground each.
void add_path(const Asked& asked, const Reach& reach, const Arrival& arrival, std::vector<Ground>& out);

/// `can` is the answer No: the rules that would have to change, the nearest form that they would allow, and who signs.
Answer answer_why_not(const Asked& asked, const Reach& reach, Answer can);
Answer answer_what_if(const Asked& asked, const Reach& reach);

}  // namespace holdfast::analysis
