#pragma once

#include <memory>

#include "base/bytes.h"
#include "base/secret.h"

namespace holdfast {

/// SHA-256 (FIPS 180-4). Thread-safe, as everything here.
Hash sha256(ByteView data);
/// SHA-256 over the concatenation of the parts, without building it.
Hash sha256(std::initializer_list<ByteView> parts);
/// SHA-256 over parts that come one by one, without building their concatenation.
class Sha256 {
 public:
  Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  ~Sha256();
  Sha256& add(ByteView part);
  /// Once.
  Hash finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};
/// HMAC-SHA-256 (RFC 2104).
Hash hmac_sha256(ByteView key, ByteView data);
/// A sub-key for one purpose: HKDF-SHA-256 (RFC 5869), no salt, `info` names the purpose.
Key256 derive_key(const Key256& key, std::string_view info);

}  // namespace holdfast
