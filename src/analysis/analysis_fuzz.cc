#include "agreement/agreement.h"
#include "analysis/answer.h"
#include "analysis/compare.h"
#include "analysis/joint.h"
#include "analysis/lint.h"
#include "analysis/reach.h"
#include "base/result.h"

namespace {

using namespace holdfast;
using namespace holdfast::analysis;

/// Every cell has a way that leads to it, and every way can be told.
void check_cells(const Reach& reach) {
  for (const Cell& cell : reach.cells) {
    HF_ASSERT(cell.source < reach.sources.size());
    HF_ASSERT(reach.path(cell).size() == cell.steps);
    HF_ASSERT(reach.sources[cell.source].level == cell.level);
    HF_ASSERT(!describe_path(reach, cell).empty());
  }
}

/// What is said of a party must be what its cells say.
void check_answers(const Reach& reach) {
  constexpr std::size_t asked_max = 20;
  for (std::size_t i = 0; i < reach.cells.size() && i < asked_max; ++i) {
    const Cell& cell = reach.cells[i];
    const std::string& party = reach.plan->parties[cell.party].name;
    // A party may be called as a word of the grammar; then the question is another, or none.
    const auto answer = ask(reach, "can " + party + " learn " + std::string(cell.category));
    if (answer) HF_ASSERT(answer->yes && !answer->sentence.empty() && !answer->path.empty());
    (void)ask(reach, "what can " + party + " learn");
    (void)ask(reach, "why can " + party + " not learn " + std::string(cell.category) + " as clear");
  }
  for (std::size_t i = 0; i < reach.plan->flows.size() && i < asked_max; ++i) {
    const auto answer = ask(reach, "what if " + reach.plan->flows[i].name + " were removed");
    if (answer) HF_ASSERT(!answer_json("?", *answer).empty());
  }
}

}  // namespace

/// Any bytes that make an agreement, one that breaks its own prohibitions too: the whole analysis holds together.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto checked = agreement::check({reinterpret_cast<const char*>(data), size});
  const agreement::PlanPtr plan = checked.plan ? checked.plan : checked.broken;
  if (!plan) return 0;
  const Reach reach = analyse(plan);
  check_cells(reach);
  check_answers(reach);
  for (const auto& finding : lint(reach)) HF_ASSERT(!finding.message.empty() && finding.line >= 1);
  HF_ASSERT(compare(reach, reach).empty());
  if (plan->flows.empty()) return 0;
  // Without its first flow nothing more can be learnt.
  Without first;
  first.flow = agreement::FlowIndex{0};
  HF_ASSERT(analyse(plan, first).cells.size() <= reach.cells.size());
  return 0;
}
