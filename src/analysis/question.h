#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace holdfast::analysis {

/// The questions that can be asked, for --help, errors and docs. PARTY|COUNTRY is a party's name or an ISO 3166-1 code.
inline constexpr std::string_view kQuestionGrammar =
    "  can PARTY|COUNTRY learn CATEGORY [as FORM] [by FLOW]\n"
    "  who can learn CATEGORY [as FORM] [by FLOW]\n"
    "  what can PARTY|COUNTRY learn [by FLOW]\n"
    "  why can PARTY|COUNTRY learn CATEGORY [as FORM] [by FLOW]\n"
    "  why can PARTY|COUNTRY not learn CATEGORY [as FORM] [by FLOW]\n"
    "  what if FLOW were removed";

inline constexpr std::size_t kQuestionBytesMax = 1024;

/// A question as it was put; its names are not looked up yet.
struct Question {
  enum class Kind { can, who, what, why, why_not, what_if };
  Kind kind = Kind::can;
  std::string who;       ///< can, what, why, why_not: a party or a country
  std::string category;  ///< can, who, why, why_not
  std::string form;      ///< as written, several words too; empty: in any form
  std::string flow;      ///< what_if; of the others empty: by any flow
};

/// Words parted by spaces; a question mark may end it. Takes any bytes.
/// Errors: invalid "analysis.question.malformed", which says where it stopped making sense and shows the grammar.
Result<Question> parse_question(std::string_view text);

}  // namespace holdfast::analysis
