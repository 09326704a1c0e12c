#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "analysis/question.h"
#include "analysis/reach.h"
#include "base/result.h"

namespace holdfast::analysis {

/// What stands behind an answer, and where in the document.
struct Ground {
  std::uint32_t line = 0;  ///< 0: of no one line
  std::string text;
};

struct Answer {
  bool yes = false;      ///< what the exit code says: it can, somebody can, something closes
  std::string sentence;  ///< the whole answer in one
  std::vector<Ground> path;
  std::vector<std::string> notes;  ///< what the border does not decide: who deposits, who keeps the vault
};

/// Answers by the analysis of an agreement. Errors: analysis.question.malformed, and those of unknown names:
/// analysis.party.unknown, analysis.category.unknown, analysis.form.unknown, analysis.flow.unknown.
Result<Answer> ask(const Reach& reach, std::string_view question);

/// One JSON object: {"question", "answer", "sentence", "path": [{"line", "text"}], "notes"}.
std::string answer_json(std::string_view question, const Answer& answer);

}  // namespace holdfast::analysis
