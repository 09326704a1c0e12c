#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace holdfast::trustee {

/// What may be sent to submit a module: a file of 16 MiB in base64, and its envelope.
inline constexpr std::size_t kSubmissionBytesMax = 24u << 20;

struct ModuleSubmission {
  std::string envelope;  ///< JSON
  Bytes file;
};

/// {"envelope": {…}, "module": "<base64>"}: the envelope as it is, the module's file in base64 (RFC 4648, padded).
/// invalid "request.json".
Result<ModuleSubmission> parse_submission(std::string_view body);

}  // namespace holdfast::trustee
