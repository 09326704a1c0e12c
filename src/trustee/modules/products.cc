#include "trustee/modules/products.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/hash.h"
#include "vault/cipher.h"

namespace holdfast::trustee {
namespace {

constexpr std::string_view kPrefix = "product/";
constexpr std::size_t kPieceBytes = 4u << 20, kSaltBytes = 16, kNamesAtOnce = 256, kJobDigits = 16;

std::string name_of(std::uint64_t job, std::uint32_t piece) {
  return fmt::format("{}{:0{}}/{:04}", kPrefix, job, kJobDigits, piece);
}

/// What a piece is bound to, so that none can stand for another, or be left out.
Bytes place_of(std::uint64_t job, std::uint32_t piece, bool last) {
  Bytes out = "holdfast product piece v1";
  put_u64(out, job);
  put_u32(out, piece);
  out.push_back(last ? '\1' : '\0');
  return out;
}

std::optional<std::uint64_t> job_of(std::string_view name) {
  name.remove_prefix(kPrefix.size());
  std::uint64_t job = 0;
  const auto [end, problem] = std::from_chars(name.data(), name.data() + std::min(name.size(), kJobDigits), job);
  return problem == std::errc() && end == name.data() + kJobDigits ? std::optional(job) : std::nullopt;
}

tl::unexpected<Error> damaged(const std::string& name) {
  return fail(Code::corrupt, "product.damaged", name,
              "a job's product is not as it was put; run the job again, or restore it from a backup");
}

/// Deletes the blobs of those products for which `wanted` answers false.
template <class Wanted>
Result<void> prune(storage::Store& store, const Wanted& wanted) {
  std::string after(kPrefix);
  for (;;) {
    HF_TRY(const auto names, store.list_blobs(kPrefix, after, kNamesAtOnce));
    if (names.empty()) return {};
    after = names.back();
    std::vector<std::string> gone;
    for (const std::string& name : names) {
      const auto job = job_of(name);
      if (job && !wanted(*job)) gone.push_back(name);
    }
    if (!gone.empty()) HF_CHECK(store.delete_blobs(gone));
  }
}

}  // namespace

Result<void> Products::put(std::uint64_t job, ByteView salt, ByteView product) {
  HF_ASSERT(salt.size() == kSaltBytes);
  HF_CHECK(prune(store_, [job](std::uint64_t other) { return other != job; }));
  Bytes first(salt);
  for (std::uint32_t piece = 0;; ++piece) {
    const ByteView part = product.substr(0, kPieceBytes);
    product.remove_prefix(part.size());
    const bool last = product.empty();
    storage::Blob blob{name_of(job, piece), {}};
    if (piece == 0) first += part;
    vault::seal(key_, place_of(job, piece, last), piece == 0 ? ByteView(first) : part, blob.bytes);
    HF_CHECK(store_.put_blobs(std::span(&blob, 1)));
    wipe(first);
    if (last) return {};
  }
}

Result<Bytes> Products::get(std::uint64_t job, const Hash& digest) const {
  Bytes out, part;
  for (std::uint32_t piece = 0;; ++piece) {
    const std::string name = name_of(job, piece);
    HF_TRY(const auto blob, store_.get_blob(name));
    if (!blob && piece == 0) {
      return fail(Code::not_found, "product.missing", name, "the product of this job is not in custody any more");
    }
    if (!blob) return damaged(name);
    bool last = false;
    if (!vault::unseal(key_, place_of(job, piece, false), *blob, part)) {
      last = vault::unseal(key_, place_of(job, piece, true), *blob, part);
      if (!last) return damaged(name);
    }
    out += part;
    wipe(part);
    if (last) break;
  }
  if (sha256(out) != digest) return damaged(name_of(job, 0));
  out.erase(0, kSaltBytes);
  return out;
}

Result<void> Products::keep(const std::set<std::uint64_t>& jobs) {
  return prune(store_, [&](std::uint64_t job) { return jobs.contains(job); });
}

}  // namespace holdfast::trustee
