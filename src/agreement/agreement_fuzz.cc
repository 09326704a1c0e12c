#include "agreement/agreement.h"
#include "agreement/show.h"
#include "base/result.h"

/// Any bytes: a plan or findings, never both; and a plan can be shown.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast::agreement;
  const Checked checked = check({reinterpret_cast<const char*>(data), size});
  HF_ASSERT((checked.plan == nullptr) == !checked.findings.empty());
  HF_ASSERT(checked.findings.size() <= kFindingsMax + 1);
  for (const Finding& finding : checked.findings)
    HF_ASSERT(!finding.message.empty() && finding.line >= 1 && finding.column >= 1);
  if (checked.plan) HF_ASSERT(!show_text(*checked.plan).empty() && !show_json(*checked.plan).empty());
  return 0;
}
