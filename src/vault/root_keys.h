#pragma once

#include <memory>
#include <shared_mutex>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"

namespace holdfast::vault {

/// Names a root key: the first eight bytes of HMAC-SHA-256(key, "holdfast root key id"), so that two keys never
/// share one, and a key file that lost a key is told apart from damage.
using RootKeyId = Fixed<8, struct RootKeyIdTag>;

/// The keys that wrap all other keys; in a file here, in an HSM behind the same interface. Several may be known
/// while a rotation is under way: the newest wraps, every one unwraps. Thread-safe.
class RootKeys {
 public:
  virtual ~RootKeys() = default;

  /// Oldest first; never empty.
  virtual std::vector<RootKeyId> ids() const = 0;
  /// `secret` under the newest key, bound to `context`. Starts with the id of that key.
  virtual Result<Bytes> wrap(ByteView secret, ByteView context) const = 0;
  /// The caller wipes what it gets. All errors are corrupt: "vault.root_key.missing" (wrapped by a key that is not
  /// here), "vault.wrapped.damaged" (not what was wrapped, or not for this context).
  virtual Result<Bytes> unwrap(ByteView wrapped, ByteView context) const = 0;
  /// Which key wrapped it; corrupt when that cannot be one.
  static Result<RootKeyId> wrapped_by(ByteView wrapped);

  /// Makes a new key, which wraps from the return on; durable.
  virtual Result<void> add_new() = 0;
  /// Forgets all but the newest. Only Vault::rotate_root_key knows when nothing is left under the others.
  virtual Result<void> drop_old() = 0;
};

/// A text file of mode 0600 or stricter: a line "holdfast root keys 1", then a line "<id in hex> <key in base64>"
/// a key, newest last. Wraps with AES-256-GCM.
class FileRootKeys final : public RootKeys {
 public:
  /// Writes a new file with one new key. Never overwrites: conflict "vault.root_key.exists".
  static Result<std::unique_ptr<FileRootKeys>> create(std::string path);
  /// Errors: invalid "key.file.wide" (others may read or write it), "vault.root_key.malformed".
  static Result<std::unique_ptr<FileRootKeys>> load(std::string path);

  std::vector<RootKeyId> ids() const override;
  Result<Bytes> wrap(ByteView secret, ByteView context) const override;
  Result<Bytes> unwrap(ByteView wrapped, ByteView context) const override;
  Result<void> add_new() override;
  Result<void> drop_old() override;

 private:
  struct Named {
    RootKeyId id;
    Key256 key;
  };
  explicit FileRootKeys(std::string path) : path_(std::move(path)) {}
  static Named named(Key256 key);
  Result<void> save(const std::vector<const Named*>& keys) const;

  std::string path_;
  mutable std::shared_mutex mutex_;
  std::vector<Named> keys_;  ///< newest last
};

}  // namespace holdfast::vault
