#pragma once

#include "agreement/plan.h"
#include "base/bytes.h"
#include "base/result.h"

namespace holdfast::trustee {

/// A frame of records that belong to nobody, in the shape that `flow` hands its sealed module: plausible values of each
/// field's type, with gaps and with texts in several scripts. Each of `subjects` has `rows` rows in a collection of
/// many and one record in the others; with 0 rows nobody has any. The same call makes the same frame. Errors: those of
/// FrameWriter.
Result<Bytes> synthetic_frame(const agreement::Plan& plan, const agreement::Flow& flow, unsigned subjects,
                              unsigned rows);

}  // namespace holdfast::trustee
