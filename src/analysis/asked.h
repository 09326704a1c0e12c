#pragma once

#include <string>
#include <vector>

#include "analysis/question.h"
#include "analysis/reach.h"
#include "base/result.h"

namespace holdfast::analysis {

/// A question with its names looked up in one agreement. Borrows the reach.
struct Asked {
  const Question* question = nullptr;
  std::string who;  ///< as said in answers: "'maker'" or "CN"
  agreement::Concern concern;
  std::vector<agreement::Control> counts;  ///< by party: is it the one asked about, or one of the country's?
  std::optional<agreement::Form> form;
  std::optional<agreement::Level> level;  ///< of `form`, or asked for by its own name ("generalised")
  std::optional<agreement::FlowIndex> flow;
};

/// Errors: invalid analysis.party.unknown, analysis.category.unknown, analysis.form.unknown, analysis.flow.unknown.
Result<Asked> look_up(const Question& question, const Reach& reach);

/// One way in which what was asked about arrives.
struct Arrival {
  SourceIndex source = 0;
  agreement::PartyIndex party = 0;  ///< who learns it
  std::uint16_t steps = 0;
};

/// Is the source's category the one asked about, part of it, or a broader one, which may hold it?
bool concerns(const Asked& asked, const Reach& reach, const Source& source);
/// Does the source reveal at least the form asked for?
bool reveals(const Asked& asked, const Source& source);
/// The most revealing arrival at those asked about, by the shortest way; nothing if there is none. `any_form`: also
/// in less than the form asked for.
std::optional<Arrival> best_arrival(const Asked& asked, const Reach& reach, bool any_form);
/// Which of two sources is the better witness; ties by the shorter way, then the earlier in the document.
bool reveals_more(const Reach& reach, const Arrival& a, const Arrival& b);

}  // namespace holdfast::analysis
