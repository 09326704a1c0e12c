#include "vault/root_keys.h"

#include <algorithm>
#include <filesystem>
#include <mutex>

#include "base/file.h"
#include "base/hash.h"
#include "vault/cipher.h"

namespace holdfast::vault {
namespace {

constexpr std::string_view kFirstLine = "holdfast root keys 1";
constexpr std::size_t kFileBytesMax = 64u << 10;

Bytes associated(const RootKeyId& id, ByteView context) {
  Bytes out("holdfast root wrap 1");
  out.append(id.view()).append(context);
  return out;
}

tl::unexpected<Error> malformed(std::string where) {
  return fail(Code::invalid, "vault.root_key.malformed", std::move(where),
              "this is no root key file; restore it from its copy");
}

/// Without its LF; nothing at the end.
std::optional<std::string_view> next_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

}  // namespace

Result<RootKeyId> RootKeys::wrapped_by(ByteView wrapped) {
  const auto id = RootKeyId::from(wrapped.substr(0, RootKeyId::kSize));
  if (!id) return fail(Code::corrupt, "vault.wrapped.damaged", "", "a wrapped key is too short to be one");
  return *id;
}

FileRootKeys::Named FileRootKeys::named(Key256 key) {
  const Hash mac = hmac_sha256(key.view(), "holdfast root key id");
  return {*RootKeyId::from(mac.view().substr(0, RootKeyId::kSize)), std::move(key)};
}

Result<void> FileRootKeys::save(const std::vector<const Named*>& keys) const {
  std::string text;
  text.reserve(kFileBytesMax);  // so that no copy of a key stays behind where it grew
  text.append(kFirstLine).append("\n");
  for (const Named* one : keys) {
    std::string encoded = to_base64(one->key.view());
    text.append(to_hex(one->id.view())).append(" ").append(encoded).append("\n");
    wipe(encoded);
  }
  auto written = write_file(path_, text, 0600);
  wipe(text);
  return written;
}

Result<std::unique_ptr<FileRootKeys>> FileRootKeys::create(std::string path) {
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) {
    return fail(Code::conflict, "vault.root_key.exists", path,
                "a file is there already; it is not overwritten, since what it wraps would be lost");
  }
  std::unique_ptr<FileRootKeys> out(new FileRootKeys(std::move(path)));
  HF_CHECK(out->add_new());
  return out;
}

Result<std::unique_ptr<FileRootKeys>> FileRootKeys::load(std::string path) {
  HF_CHECK(require_private(path));
  HF_TRY(std::string text, read_file(path, kFileBytesMax));
  std::unique_ptr<FileRootKeys> out(new FileRootKeys(std::move(path)));
  std::string_view rest = text;
  bool fine = next_line(rest) == kFirstLine;
  while (fine && !rest.empty()) {
    const auto line = next_line(rest);
    fine = line && line->size() > 2 * RootKeyId::kSize;
    if (!fine) break;
    auto raw = from_base64(line->substr(2 * RootKeyId::kSize + 1));
    if (raw && raw->size() == Key256::kSize) out->keys_.push_back(named(*Key256::from(*raw)));
    fine = raw && raw->size() == Key256::kSize &&
           line->substr(0, 2 * RootKeyId::kSize + 1) == to_hex(out->keys_.back().id.view()) + " ";
    if (raw) wipe(*raw);
  }
  wipe(text);
  if (!fine || out->keys_.empty()) return malformed(out->path_);
  return out;
}

std::vector<RootKeyId> FileRootKeys::ids() const {
  const std::shared_lock lock(mutex_);
  std::vector<RootKeyId> out;
  for (const Named& one : keys_) out.push_back(one.id);
  return out;
}

Result<Bytes> FileRootKeys::wrap(ByteView secret, ByteView context) const {
  const std::shared_lock lock(mutex_);
  const Named& newest = keys_.back();
  Bytes out(newest.id.view());
  seal(newest.key, associated(newest.id, context), secret, out);
  return out;
}

Result<Bytes> FileRootKeys::unwrap(ByteView wrapped, ByteView context) const {
  HF_TRY(const RootKeyId id, wrapped_by(wrapped));
  const std::shared_lock lock(mutex_);
  const auto found = std::find_if(keys_.begin(), keys_.end(), [&](const Named& one) { return one.id == id; });
  if (found == keys_.end()) {
    return fail(Code::corrupt, "vault.root_key.missing", "root key " + to_hex(id.view()),
                "a key is wrapped by root key " + to_hex(id.view()) +
                    ", which is not in the key file; put back the file that belongs to this data");
  }
  Bytes out;
  if (!unseal(found->key, associated(id, context), wrapped.substr(RootKeyId::kSize), out)) {
    return fail(Code::corrupt, "vault.wrapped.damaged", "root key " + to_hex(id.view()),
                "a wrapped key is damaged, or stands where another belongs; restore the keys from a backup");
  }
  return out;
}

Result<void> FileRootKeys::add_new() {
  const std::unique_lock lock(mutex_);
  Named fresh = named(Key256::random());
  std::vector<const Named*> all;
  for (const Named& one : keys_) all.push_back(&one);
  all.push_back(&fresh);
  HF_CHECK(save(all));
  keys_.push_back(std::move(fresh));
  return {};
}

Result<void> FileRootKeys::drop_old() {
  const std::unique_lock lock(mutex_);
  HF_CHECK(save({&keys_.back()}));
  keys_.erase(keys_.begin(), keys_.end() - 1);
  return {};
}

}  // namespace holdfast::vault
