#pragma once

#include "base/bytes.h"
#include "base/result.h"

namespace holdfast::evidence {

/// How an entry bundle lies at rest: one Zstandard frame (RFC 8878).
Bytes compress_bundle(ByteView bundle);
/// corrupt unless it is such a frame, of no more than kBundleBytesMax.
Result<Bytes> decompress_bundle(ByteView frame);

}  // namespace holdfast::evidence
