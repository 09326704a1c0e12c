#pragma once

#include <string>
#include <string_view>

#include "agreement/plan.h"
#include "base/bytes.h"
#include "base/secret.h"

namespace holdfast::disclosure {

/// Makes the tokens that one recipient gets for one use. Immutable, thread-safe; moves, does not copy.
class TokenKey {
 public:
  /// Appends the token of `encoded` (value.h), without quotes: "tok_" and 24 characters of base64url, which are the
  /// first 144 bits of HMAC-SHA-256 over category, type and value. Bound to the category, not to the field's name: the
  /// same e-mail address held in two collections is one token, so the recipient can join its own data and no one
  /// else's. Texts are taken in Unicode's form NFC, so two spellings of the same characters are one token.
  void append(std::string& out, std::string_view category, agreement::FieldType type, ByteView encoded) const;

 private:
  friend class TokenKeys;
  explicit TokenKey(Key256 key) : key_(std::move(key)) {}
  Key256 key_;
};

inline constexpr std::size_t kTokenSize = 4 + 24;

/// The root of all tokens, from which every recipient and use has a key of its own (HKDF): tokens of two recipients,
/// or of two uses of one recipient, have nothing in common.
class TokenKeys {
 public:
  explicit TokenKeys(Key256 root) : root_(std::move(root)) {}
  TokenKey key_for(std::string_view recipient, std::string_view use) const;

 private:
  Key256 root_;
};

}  // namespace holdfast::disclosure
