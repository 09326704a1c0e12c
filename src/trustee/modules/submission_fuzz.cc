#include <cstdint>

#include "trustee/modules/submission.h"

/// What is taken as a submission is taken the same way when it is written anew.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const auto submission = trustee::parse_submission({reinterpret_cast<const char*>(data), size});
  if (!submission) return 0;
  const auto again = trustee::parse_submission("{\"module\":\"" + to_base64(submission->file) +
                                               "\",\"envelope\":" + submission->envelope + "}");
  HF_ASSERT(again && again->file == submission->file && again->envelope == submission->envelope);
  return 0;
}
