#include "evidence/compress.h"

#include <zstd.h>

#include <memory>

#include "evidence/formats/tile.h"

namespace holdfast::evidence {
namespace {

// Levels above 3 save under 2 % more here: most of what is left are digests, which are random.
constexpr int kLevel = 3;

}  // namespace

Bytes compress_bundle(ByteView bundle) {
  thread_local const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  Bytes out(ZSTD_compressBound(bundle.size()), '\0');
  const std::size_t size =
      ZSTD_compressCCtx(context.get(), out.data(), out.size(), bundle.data(), bundle.size(), kLevel);
  HF_ASSERT(!ZSTD_isError(size));
  out.resize(size);
  out.shrink_to_fit();
  return out;
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
