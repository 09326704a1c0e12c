#pragma once

#include <string>

#include "agreement/plan.h"

namespace holdfast::agreement {

/// The whole plan as tables for people: parties, collections, flows with what reaches whom in which form, limits.
std::string show_text(const Plan& plan);
/// The same as one JSON object (UTF-8, one line).
std::string show_json(const Plan& plan);

}  // namespace holdfast::agreement
