#include "evidence/compress.h"

#include <zstd.h>

#include <algorithm>
#include <memory>

#include "evidence/formats/tile.h"

namespace holdfast::evidence {
namespace {

// Measured on bundles of releases: level 1 leaves 54 of 257 bytes an entry, levels 3 and 4 leave 55 and take half as
// long again; below 1 it is 71 and more. Most of what is left are digests, which are random.
constexpr int kLevel = 1;

}  // namespace

Bytes compress_bundle(ByteView bundle) {
  thread_local const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  thread_local Bytes room;  // most of the bound stays empty, so it is kept, not allocated and cleared each time
  room.resize(std::max(room.size(), ZSTD_compressBound(bundle.size())));
  const std::size_t size =
      ZSTD_compressCCtx(context.get(), room.data(), room.size(), bundle.data(), bundle.size(), kLevel);
  HF_ASSERT(!ZSTD_isError(size));
  return room.substr(0, size);
}

Result<Bytes> decompress_bundle(ByteView frame) {
  const unsigned long long size = ZSTD_getFrameContentSize(frame.data(), frame.size());
  // Both of zstd's error values are above any bundle's size.
  if (size > kBundleBytesMax) {
    return fail(Code::corrupt, "evidence.bundle.compressed", "", "The stored entry bundle is not a Zstandard frame.");
  }
  Bytes out(static_cast<std::size_t>(size), '\0');
  const std::size_t got = ZSTD_decompress(out.data(), out.size(), frame.data(), frame.size());
  if (ZSTD_isError(got) || got != out.size()) {
    return fail(Code::corrupt, "evidence.bundle.compressed", "", "The stored entry bundle does not decompress.");
  }
  return out;
}

}  // namespace holdfast::evidence
