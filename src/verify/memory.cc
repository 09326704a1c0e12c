#include "verify/memory.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "base/file.h"
#include "base/hash.h"
#include "ledger/window.h"

// The file: magic | log key | parties' digest | checkpoint | tree | ledger | kinds | time of the last entry, in
// older files not there | SHA-256 of all before.

namespace holdfast::verify {
namespace {

constexpr std::string_view kMagic = "holdfast verify 1\n";
constexpr std::size_t kFileBytesMax = std::size_t{4} << 30;

}  // namespace

Hash parties_digest(const std::vector<VerifierKey>& parties) {
  std::vector<std::string> texts;
  for (const VerifierKey& key : parties) texts.push_back(key.text());
  std::sort(texts.begin(), texts.end());
  std::string all;
  for (const std::string& text : texts) all += text + '\n';
  return sha256(all);
}

Result<std::optional<Memory>> Memory::load(const std::string& path) {
  const auto corrupt = [&] {
    return fail(Code::invalid, "verify.state.corrupt", path,
                "this is no state file of an earlier run, or it is damaged; keep it for inquiry, and name another one "
                "to check the log from its beginning");
  };
  std::error_code ignored;
  if (std::filesystem::is_other(path, ignored)) return corrupt();  // a device may have no end
  auto file = read_file(path, kFileBytesMax);
  if (!file && file.error().code == Code::not_found) return std::optional<Memory>();
  HF_CHECK(file);
  ByteView whole(*file);
  if (whole.size() < kMagic.size() + Hash::kSize || !whole.starts_with(kMagic)) return corrupt();
  const ByteView body = whole.substr(0, whole.size() - Hash::kSize);
  if (sha256(body).view() != whole.substr(body.size())) return corrupt();
  ByteReader in(body.substr(kMagic.size()));
  auto key = VerifierKey::parse(in.sized());
  const auto parties = Hash::from(in.take(Hash::kSize));
  Memory out;
  out.checkpoint = in.sized();
  auto tree = TileTree::decode(in.sized());
  out.ledger = in.sized();
  for (std::uint64_t left = in.varint(); left > 0 && in.ok(); --left) {
    std::string kind(in.sized());
    out.kinds[std::move(kind)] = in.varint();
  }
  if (!in.done()) {
    out.newest_at = static_cast<UnixMillis>(in.u64());
    if (!ledger::is_entry_time(*out.newest_at)) return corrupt();
  }
  if (!in.done() || !key || !parties || !tree) return corrupt();
  out.log_key = *std::move(key);
  out.parties = *parties;
  out.tree = *std::move(tree);
  return std::optional(std::move(out));
}

Result<void> Memory::save(const std::string& path) const {
  Bytes out(kMagic);
  put_sized(out, log_key.text());
  out += parties.view();
  put_sized(out, checkpoint);
  put_sized(out, tree.encode());
  put_sized(out, ledger);
  put_varint(out, kinds.size());
  for (const auto& [kind, count] : kinds) {
    put_sized(out, kind);
    put_varint(out, count);
  }
  if (newest_at) put_u64(out, static_cast<std::uint64_t>(*newest_at));
  out += sha256(out).view();
  return write_file(path, out, 0600);
}

}  // namespace holdfast::verify
