#include "trustee/aggregate_tables.h"

#include "base/hash.h"
#include "vault/cipher.h"

namespace holdfast::trustee {
namespace {

constexpr std::size_t kSaltBytes = 16, kNamesAtOnce = 256;

std::string prefix_of(std::string_view flow) { return "aggregate/" + std::string(flow) + "/"; }
std::string name_of(std::string_view flow, const Hash& digest) { return prefix_of(flow) + to_hex(digest.view()); }
Bytes context_of(const std::string& name) { return "holdfast aggregate table v1" + name; }

}  // namespace

Result<void> AggregateTables::put(std::string_view flow, const Table& table) {
  HF_ASSERT(table.salt.size() == kSaltBytes && table.json.size() <= kTableBytesMax);
  const std::string prefix = prefix_of(flow);
  for (;;) {
    HF_TRY(const auto gone, store_.list_blobs(prefix, prefix, kNamesAtOnce));
    if (gone.empty()) break;
    HF_CHECK(store_.delete_blobs(gone));
  }
  Bytes plain;
  put_varint(plain, table.groups);
  plain += table.salt;
  plain += table.json;
  storage::Blob blob{name_of(flow, table.digest), {}};
  vault::seal(key_, context_of(blob.name), plain, blob.bytes);
  return store_.put_blobs(std::span(&blob, 1));
}

Result<AggregateTables::Table> AggregateTables::get(std::string_view flow, const Hash& digest) const {
  const std::string name = name_of(flow, digest);
  HF_TRY(const auto blob, store_.get_blob(name));
  Bytes plain;
  if (!blob || !vault::unseal(key_, context_of(name), *blob, plain)) {
    return fail(Code::corrupt, "aggregate.missing", std::string(flow),
                "what this flow released within the window of its budget is not in custody, or is damaged; restore it "
                "from a backup, or wait until the window ends");
  }
  ByteReader in(plain);
  Table out;
  out.digest = digest;
  out.groups = in.varint();
  out.salt = in.take(kSaltBytes);
  out.json = in.take(in.left());
  HF_ASSERT(in.done() && sha256({out.salt, out.json}) == digest);
  return out;
}

}  // namespace holdfast::trustee
